"""An annotated portrait as arrays, and as a row of the annotations table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loho_bench.annotation.masks import pack_bits, unpack_bits
from loho_bench.storage import atomic_path

COLUMNS = (
    "portrait_id",
    "mask_size",
    "hair_mask",
    "face_mask",
    "hair_fraction",
    "face_fraction",
    "landmarks",
    "status",
    "reason",
)
POINTS = 68
_ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Annotation:
    """What is known of one portrait.

    Attributes
    ----------
    portrait_id : str
    hair, face : numpy.ndarray
        ``[M, M] bool``.
    landmarks : numpy.ndarray
        ``[68, 2] float32``: x, y as fractions of the frame, iBUG order.
    note : str
        A remark that does not stop the portrait from being used.
    """

    portrait_id: str
    hair: np.ndarray
    face: np.ndarray
    landmarks: np.ndarray
    note: str = ""

    @property
    def hair_fraction(self) -> float:
        """Share of the frame's pixels that are hair."""
        return float(self.hair.mean())

    @property
    def face_fraction(self) -> float:
        """Share of the frame's pixels that are face."""
        return float(self.face.mean())

    def to_row(self) -> dict[str, Any]:
        """Return the row of a usable portrait (status "ok"), masks bit-packed row by row."""
        return {
            "portrait_id": self.portrait_id,
            "mask_size": self.hair.shape[0],
            "hair_mask": pack_bits(self.hair),
            "face_mask": pack_bits(self.face),
            "hair_fraction": self.hair_fraction,
            "face_fraction": self.face_fraction,
            "landmarks": self.landmarks.astype(np.float32).ravel(),
            "status": "ok",
            "reason": self.note,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Annotation:
        """Return the arrays of a row whose status is "ok"."""
        size = int(row["mask_size"])
        return cls(
            portrait_id=row["portrait_id"],
            hair=unpack_bits(row["hair_mask"], size),
            face=unpack_bits(row["face_mask"], size),
            landmarks=np.array(row["landmarks"], dtype=np.float32).reshape(POINTS, 2),
            note=row["reason"],
        )


def rejected_row(portrait_id: str, mask_size: int, reason: str) -> dict[str, Any]:
    """Return the row of a portrait that is set aside: empty masks, fractions and landmarks not a number."""
    return {
        "portrait_id": portrait_id,
        "mask_size": mask_size,
        "hair_mask": b"",
        "face_mask": b"",
        "hair_fraction": np.nan,
        "face_fraction": np.nan,
        "landmarks": np.full(2 * POINTS, np.nan, dtype=np.float32),
        "status": "rejected",
        "reason": reason,
    }


def write_rows(rows: Iterable[Mapping[str, Any]], path: str | Path) -> None:
    """Write rows as a Parquet table, atomically, a few hundred at a time: memory stays bounded."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    rows = iter(rows)

    def next_group(schema: pa.Schema | None = None) -> pa.Table:
        group = pd.DataFrame(islice(rows, _ROWS_AT_ONCE), columns=list(COLUMNS))
        return pa.Table.from_pandas(group, schema, preserve_index=False)

    with atomic_path(path) as temporary:
        group = next_group()
        with ParquetWriter(temporary, group.schema) as writer:
            writer.write_table(group)
            while len(group := next_group(group.schema)):
                writer.write_table(group)
