"""The portraits that may enter a tuple, in a form that pairs can be measured on quickly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from loho_bench.annotation.record import COLUMNS, POINTS
from loho_bench.curation.packing import pack_faces
from loho_bench.curation.tiles import Tiles, arrange
from loho_bench.errors import UserError
from loho_bench.storage import read_table


@dataclass(frozen=True)
class Candidates:
    """Eligible portraits, sorted by id so that the order of the annotations does not matter.

    Attributes
    ----------
    ids : tuple of str
    hair_fractions : numpy.ndarray
        ``[N] float64``.
    face_words : numpy.ndarray
        ``[N, W] uint64``: the face masks' bits. Words in which no portrait has a face pixel are left out.
    landmarks : numpy.ndarray
        ``[N, 68, 2] float64``: fractions of the frame.
    census : str
        How many portraits were annotated, set aside and short of hair, for messages.
    """

    ids: tuple[str, ...]
    hair_fractions: np.ndarray
    face_words: np.ndarray
    landmarks: np.ndarray
    census: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def tiles(self) -> Tiles:
        """All portraits arranged for the census and the draw; there must be one at least."""
        return arrange(self.face_words, self.landmarks)


def read_candidates(
    annotations: Sequence[str | Path], minimum_hair_fraction: float, mask_size: int | None = None
) -> Candidates:
    """Read annotation tables and keep the usable portraits with enough hair (section 4.1 of the paper).

    One table is in memory at a time, and of it only bits and landmarks are kept.

    Parameters
    ----------
    annotations : sequence of path
        The shards' tables, in any order.
    minimum_hair_fraction : float
        Least share of hair pixels.
    mask_size : int, optional
        Side in pixels to which face masks are reduced; by default they stay as annotated.

    Raises
    ------
    UserError
        A table is missing or lacks a column, a portrait is there twice, masks differ in size, or
        ``mask_size`` does not divide their size.
    """
    if not annotations:
        raise UserError(
            "there are no annotations to draw tuples from",
            cause="the list of annotation tables is empty",
            remedy="run the step 'annotate' first",
        )
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    seen: set[str] = set()
    shards = []
    for path in annotations:
        table = _read_annotations(path)
        _refuse_repeats(table["portrait_id"], seen)
        usable = table["status"] == "ok"
        eligible = table[usable & (table["hair_fraction"] >= minimum_hair_fraction)]
        outcomes.update(annotated=len(table), usable=int(usable.sum()), eligible=len(eligible))
        reasons.update(table.loc[~usable, "reason"])
        shards.append(_Shard.of(eligible, mask_size))
    return _merge(shards, _census(outcomes, reasons, minimum_hair_fraction))


def from_rows(eligible: pd.DataFrame, mask_size: int | None = None) -> Candidates:
    """Take over rows of the annotations table, all of them eligible."""
    return _merge([_Shard.of(eligible, mask_size)])


@dataclass(frozen=True)
class _Shard:
    """What is kept of the ``R`` rows of one table; the attributes are those of :class:`Candidates`."""

    ids: list[str]
    hair_fractions: np.ndarray
    face_words: np.ndarray
    landmarks: np.ndarray
    mask_sizes: set[int]

    @classmethod
    def of(cls, rows: pd.DataFrame, mask_size: int | None) -> _Shard:
        sizes = set(rows["mask_size"])
        _refuse_several_sizes(sizes)
        points = np.array(list(rows["landmarks"]), dtype=np.float64)
        return cls(
            ids=list(rows["portrait_id"]),
            hair_fractions=rows["hair_fraction"].to_numpy(dtype=np.float64),
            face_words=pack_faces(rows["face_mask"], min(sizes, default=0), mask_size),
            landmarks=points.reshape(len(rows), POINTS, 2),
            mask_sizes=sizes,
        )


def _merge(shards: list[_Shard], census: str = "") -> Candidates:
    """Sort the portraits of all ``shards``, which are used up: nothing is in memory twice."""
    shards = [shard for shard in shards if shard.ids]
    _refuse_several_sizes(set().union(*(shard.mask_sizes for shard in shards)))
    ids = [name for shard in shards for name in shard.ids]
    order = sorted(range(len(ids)), key=ids.__getitem__)
    places = np.empty(len(ids), np.int64)
    places[order] = np.arange(len(ids))
    used = np.logical_or.reduce([shard.face_words.any(axis=0) for shard in shards])
    hair_fractions = np.empty(len(ids))
    face_words = np.empty((len(ids), np.count_nonzero(used)), np.uint64)
    landmarks = np.empty((len(ids), POINTS, 2))
    start = 0
    while shards:
        shard = shards.pop(0)
        mine = places[start : start + len(shard.ids)]
        hair_fractions[mine] = shard.hair_fractions
        face_words[mine] = shard.face_words[:, used]
        landmarks[mine] = shard.landmarks
        start += len(shard.ids)
    return Candidates(tuple(ids[index] for index in order), hair_fractions, face_words, landmarks, census)


def _refuse_repeats(ids: pd.Series, seen: set[str]) -> None:
    """Add ``ids`` to those ``seen`` before, unless one of them is there twice."""
    twice = ids[ids.duplicated() | ids.isin(seen)]
    if len(twice):
        raise UserError(
            f"the annotations name the portrait '{twice.iloc[0]}' twice",
            cause="two shards overlap: they were made with different shard sizes or portraits",
            remedy="delete the folder of annotations and run the step 'annotate' again",
        )
    seen.update(ids)


def _refuse_several_sizes(sizes: set[int]) -> None:
    if len(sizes) > 1:
        raise UserError(
            "the annotations hold masks of several sizes",
            cause=f"mask sizes {sorted(sizes)}",
            remedy="delete the folder of annotations and run the step 'annotate' again",
        )


def _read_annotations(path: str | Path) -> pd.DataFrame:
    table = read_table(path)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise UserError(
            f"cannot use the annotations {path}",
            cause=f"columns are missing: {', '.join(missing)}",
            remedy="run the step 'annotate' again",
        )
    return table


def _census(outcomes: Counter[str], reasons: Counter[str], minimum: float) -> str:
    annotated, usable, eligible = (outcomes[name] for name in ("annotated", "usable", "eligible"))
    lines = [
        f"{annotated} portraits annotated, {annotated - usable} of them set aside, "
        f"{usable - eligible} with less than {minimum:.0%} hair, {eligible} eligible"
    ]
    lines += [f"set aside ({count}): {reason}" for reason, count in reasons.most_common(3)]
    return "; ".join(lines)
