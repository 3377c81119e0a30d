"""From the tables of a run to the batches that methods are given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from loho_bench.annotation.masks import resize_mask
from loho_bench.annotation.record import Annotation
from loho_bench.errors import UserError
from loho_bench.methods.protocol import TupleBatch
from loho_bench.portraits.images import load_rgb, resize, to_tensor
from loho_bench.portraits.synthetic import PortraitParameters, Rendered, combine, render
from loho_bench.provenance import stable_hash
from loho_bench.storage import read_tables

ROLES = ("identity", "structure", "appearance")


@dataclass(frozen=True, eq=False)
class TupleInputs:
    """Portraits and annotations by portrait id, and the size at which methods see them."""

    portraits: pd.DataFrame
    annotations: pd.DataFrame
    resolution: int

    @classmethod
    def read(
        cls,
        portraits: str | Path,
        annotations: Sequence[str | Path],
        resolution: int,
        tuples: pd.DataFrame | None = None,
    ) -> TupleInputs:
        """Read the tables of the stages before, or as much of them as ``tuples`` are made of.

        A missing table or a portrait twice is a UserError.
        """
        key, wanted = "portrait_id", None
        if tuples is not None:
            wanted = set(tuples[list(ROLES)].to_numpy().ravel())
        tables = (read_tables(paths, key, wanted).set_index(key) for paths in ([portraits], annotations))
        return cls(*tables, resolution)

    def batch(
        self, records: Sequence[Mapping[str, Any]], seeds: Sequence[int], *, answers: bool = False
    ) -> TupleBatch:
        """Return the tuples ``records``, each naming its identity, structure and appearance.

        ``answers`` draws the true answers too; a UserError where portraits are not synthetic.
        """
        images, masks, landmarks = {}, {}, {}
        for role in ROLES:
            ids = [record[role] for record in records]
            images[role] = to_tensor(np.stack([self.image(i) for i in ids]))
            notes = [self.annotation(i) for i in ids]
            masks[f"{role}_hair"] = self._masks([note.hair for note in notes])
            masks[f"{role}_face"] = self._masks([note.face for note in notes])
            landmarks[f"{role}_landmarks"] = torch.from_numpy(np.stack([note.landmarks for note in notes]))
        if answers:
            images["answer"] = to_tensor(np.stack([self.true_answer(record).image for record in records]))
        ids = tuple(record["tuple_id"] for record in records)
        return TupleBatch(tuple_ids=ids, seeds=tuple(seeds), **images, **masks, **landmarks)

    def true_answer(self, record: Mapping[str, Any]) -> Rendered:
        """Draw the portrait that a perfect transfer of a tuple would give; a UserError for photographs."""
        return true_answer(self.portraits, record, self.resolution)

    def fingerprint(self, record: Mapping[str, Any]) -> str:
        """Return a hash of the portraits and masks that a tuple is made of."""
        parts = []
        for role in ROLES:
            note = _row(self.annotations, record[role])
            portrait = _row(self.portraits, record[role])
            parts.append([portrait["sha256"], note["hair_mask"], note["face_mask"]])
        return stable_hash(parts)

    def image(self, portrait_id: str) -> np.ndarray:
        """Return a portrait at the resolution of the transfers, ``[S, S, 3] uint8``."""
        return resize(load_rgb(_row(self.portraits, portrait_id)["path"]), self.resolution)

    def annotation(self, portrait_id: str) -> Annotation:
        """Return what is known of a portrait that was annotated."""
        return Annotation.from_row({"portrait_id": portrait_id, **_row(self.annotations, portrait_id)})

    def _masks(self, masks: list[np.ndarray]) -> Tensor:
        """Bring masks [M, M] to [N, 1, S, S]."""
        resized = np.stack([resize_mask(mask, self.resolution) for mask in masks])
        return torch.from_numpy(resized).float()[:, None]


def true_answer(portraits: pd.DataFrame, record: Mapping[str, Any], size: int) -> Rendered:
    """Draw what a perfect transfer of a tuple would give, from the parameters of its synthetic portraits.

    Raises
    ------
    UserError
        One of them is a photograph.
    """
    drawn = {}
    for role in ROLES:
        parameters = _row(portraits, record[role]).get("parameters")
        if not isinstance(parameters, str) or not parameters:
            raise UserError(
                f"the tuple {record['tuple_id']} has no true answer",
                cause=f"its portrait '{record[role]}' was not drawn by the renderer",
                remedy="leave methods that need the true answer out of a run on photographs",
            )
        drawn[role] = PortraitParameters.from_dict(json.loads(parameters))
    return render(combine(**drawn), size=size)


def _row(table: pd.DataFrame, portrait_id: str) -> pd.Series:
    if portrait_id not in table.index:
        raise UserError(
            f"the tuples name a portrait '{portrait_id}' that is not there",
            cause="the table of portraits or that of annotations has no such row",
            remedy="give the tables of one run, or draw the tuples again",
        )
    return table.loc[portrait_id]
