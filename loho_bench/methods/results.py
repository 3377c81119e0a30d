"""The results of one method on disk: portraits, latents, traces, and a row a tuple that vouches for them.

A row lies in ``rows/`` and is written last, after the files it names: where it is, they are whole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loho_bench import __version__
from loho_bench.methods.inputs import ROLES, TupleInputs
from loho_bench.methods.registry import MethodSpec
from loho_bench.provenance import derive_seed, stable_hash, versions
from loho_bench.settings.base import StrictModel
from loho_bench.settings.project import Settings
from loho_bench.storage import atomic_path, read_json, write_json, write_png, write_table

COLUMNS = (
    "tuple_id",
    "method",
    *ROLES,
    "category",
    "status",
    "reason",
    "portrait",
    "latents",
    "trace",
    "seconds",
    "batch_size",
    "peak_memory_mb",
    "seed",
    "precision",
    "profile",
    "resolution",
    "device",
    "finished",
    "hair_iou",
    "inpainting",
    "method_version",
    "settings_hash",
    "weights_hash",
    "fingerprint",
    "versions",
)
_FILES = ("portrait", "latents", "trace")


@dataclass(frozen=True, eq=False)
class ResultFolder:
    """Where the results of one method go, and what their rows have in common.

    ``precision``, ``device`` and ``weights_hash`` say how they were computed, as far as that is known.
    """

    folder: Path
    spec: MethodSpec
    method_settings: StrictModel
    settings: Settings
    precision: str = ""
    device: str = ""
    weights_hash: str = ""

    def seed(self, tuple_id: str) -> int:
        """Return the seed of a tuple: its own, whatever the order and the batch."""
        return derive_seed(tuple_id, self.spec.name, self.settings.seed)

    def row(self, record: dict[str, Any], **entries: Any) -> dict[str, Any]:
        """Return the row of a tuple, ``record`` of its table, with ``entries`` over what is known anyway."""
        return {
            **dict.fromkeys(COLUMNS),
            "tuple_id": record["tuple_id"],
            "method": self.spec.name,
            **{role: record[role] for role in ROLES},
            "category": record["category"],
            "status": "ok",
            "reason": "",
            "seed": self.seed(record["tuple_id"]),
            "precision": self.precision,
            "profile": getattr(self.method_settings, "profile", ""),
            "resolution": self.settings.transfer.resolution,
            "device": self.device,
            "finished": datetime.now(tz=UTC).date().isoformat(),
            "method_version": self.spec.version,
            "settings_hash": self._settings_hash,
            "weights_hash": self.weights_hash,
            "versions": json.dumps(versions()),
            **entries,
        }

    def failed(self, record: dict[str, Any], reason: str) -> dict[str, Any]:
        """Return the row of a tuple that has no result, and why."""
        return self.row(record, status="failed", reason=reason)

    def fingerprint(self, record: dict[str, Any], inputs: TupleInputs) -> str:
        """Return a hash of all that the result of a tuple depends on; a release may compute otherwise."""
        parts = [__version__, self.spec.version, self.seed(record["tuple_id"]), self._settings_hash]
        parts += [self.weights_hash, self.settings.transfer.resolution, self.precision]
        return stable_hash([*parts, inputs.fingerprint(record)])

    def save_portrait(self, tuple_id: str, image: np.ndarray) -> str:
        """Write a portrait ``[S, S, 3] uint8`` and return its path."""
        path = self.folder / "portraits" / f"{tuple_id}.png"
        write_png(image, path)
        return str(path)

    def save_latents(self, tuple_id: str, latents: np.ndarray, mean: np.ndarray) -> str:
        """Write W+ ``[L, D]`` beside the mean latent ``[D]`` and return the path."""
        path = self.folder / "latents" / f"{tuple_id}.npz"
        with atomic_path(path) as temporary:
            np.savez(temporary, latents=latents, mean=mean)
        return str(path)

    def save_trace(self, tuple_id: str, values: dict[str, np.ndarray]) -> str:
        """Write the values of every iteration, ``[steps]`` by name, and return the path."""
        path = self.folder / "traces" / f"{tuple_id}.parquet"
        write_table(pd.DataFrame(values).rename_axis("step").reset_index(), path)
        return str(path)

    def write(self, row: dict[str, Any], fingerprint: str) -> None:
        """Keep a finished row: its files are in place."""
        write_json({**row, "fingerprint": fingerprint}, self._row_path(row["tuple_id"]))

    def read(self, tuple_id: str) -> dict[str, Any]:
        """Return the row that :meth:`write` kept."""
        return read_json(self._row_path(tuple_id))

    def forget(self, tuple_id: str) -> None:
        """Remove a row: it must not vouch for files that are about to be replaced."""
        self._row_path(tuple_id).unlink(missing_ok=True)

    def is_finished(self, tuple_id: str, fingerprint: str) -> bool:
        """Whether a tuple succeeded with this very fingerprint and its files are there."""
        if not self._row_path(tuple_id).is_file():
            return False
        row = self.read(tuple_id)
        unchanged = row.get("status") == "ok" and row.get("fingerprint") == fingerprint
        return unchanged and all(Path(row[name]).is_file() for name in _FILES if row.get(name))

    def write_shard(self, tuple_ids: list[str], out: Path) -> None:
        """Write the table of some tuples, all of which have rows."""
        write_table(pd.DataFrame([self.read(name) for name in tuple_ids], columns=list(COLUMNS)), out)

    @property
    def _settings_hash(self) -> str:
        return stable_hash(self.method_settings.model_dump(mode="json"))

    def _row_path(self, tuple_id: str) -> Path:
        return self.folder / "rows" / f"{tuple_id}.json"
