"""Tuples drawn as the benchmark draws them, from portraits whose masks and landmarks are exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from loho_bench.curation.candidates import Candidates
from loho_bench.curation.census import Rule, count_pairs
from loho_bench.curation.criteria import CATEGORIES
from loho_bench.curation.sampling import draw_tuples
from loho_bench.errors import UserError
from loho_bench.methods.protocol import TupleBatch
from loho_bench.networks.graphonomy import FACE, HAIR
from loho_bench.provenance import derive_seed
from loho_bench.settings.project import TupleSettings
from loho_bench.training.dataset import PortraitDataset

ROLES = ("identity", "structure", "appearance")


@dataclass(frozen=True)
class ChosenTuple:
    """Category and indices of the three portraits."""

    category: str
    identity: int
    structure: int
    appearance: int


def choose_tuples(
    portraits: PortraitDataset, settings: TupleSettings, per_category: int, seed: int
) -> list[ChosenTuple]:
    """Draw tuples by the benchmark's own rule (Table 1 of the paper), from exact masks and landmarks.

    Raises
    ------
    UserError
        No portraits make a tuple. Where there are just fewer than asked for, all are taken.
    """
    hair = (portraits.labels == HAIR).mean(axis=(1, 2))
    eligible = np.flatnonzero(hair >= settings.minimum_hair_fraction)
    bits = np.packbits(portraits.labels[eligible] == FACE, axis=-1)
    candidates = Candidates(
        ids=tuple(f"{index:05d}" for index in eligible),
        hair_fractions=hair[eligible],
        face_words=bits.reshape(len(eligible), bits[0].size if len(bits) else 8).view(np.uint64),
        landmarks=np.asarray(portraits.landmarks[eligible], np.float64),
    )
    rule = Rule(settings.landmark_frame, settings.reading)
    counts = count_pairs(candidates, rule) if len(candidates) > 2 else np.zeros((0, len(CATEGORIES)))
    chosen = [
        ChosenTuple(category.name, *(int(eligible[getattr(drawn, role)]) for role in ROLES))
        for position, category in enumerate(CATEGORIES)
        if counts[:, position].sum()
        for drawn in draw_tuples(candidates, counts, rule, position, per_category, seed)
    ]
    if not chosen:
        raise UserError(
            "cannot draw tuples to transfer",
            cause=f"of {len(hair)} portraits {len(eligible)} have enough hair, and no pair fits Table 1",
            remedy="take more portraits, or lower tuples.minimum_hair_fraction",
        )
    return chosen


def make_batch(portraits: PortraitDataset, tuples: Sequence[ChosenTuple], seed: int) -> TupleBatch:
    """Return the batch of ``tuples``, masks exact; every tuple's seed depends on it and ``seed`` alone."""
    chosen = np.array([[getattr(t, role) for role in ROLES] for t in tuples])
    images, masks = {}, {}
    for role, ids in zip(ROLES, chosen.T, strict=True):
        images[role] = portraits.batch(ids)
        for part, label in (("hair", HAIR), ("face", FACE)):
            mask = torch.from_numpy(portraits.labels[ids] == label)
            masks[f"{role}_{part}"] = mask.float()[:, None]
    return TupleBatch(
        tuple_ids=tuple("-".join(map(str, row)) for row in chosen),
        seeds=tuple(derive_seed("evaluation tuple", seed, *row) for row in chosen.tolist()),
        **images,
        **masks,
    )
