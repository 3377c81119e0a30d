"""The portraits that may enter a tuple, in a form that pairs can be measured on quickly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from loho_bench.annotation.record import COLUMNS, POINTS
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


def read_candidates(annotations: Sequence[str | Path], minimum_hair_fraction: float) -> Candidates:
    """Read annotation tables and keep the usable portraits with enough hair (section 4.1 of the paper).

    Parameters
    ----------
    annotations : sequence of path
        The shards' tables, in any order.
    minimum_hair_fraction : float
        Least share of hair pixels.

    Raises
    ------
    UserError
        A table is missing or lacks a column, a portrait is there twice, or masks differ in size.
    """
    tables = [_read_annotations(path) for path in annotations]
    if not tables:
        raise UserError(
            "there are no annotations to draw tuples from",
            cause="the list of annotation tables is empty",
            remedy="run the step 'annotate' first",
        )
    table = pd.concat(tables, ignore_index=True)
    twice = table.loc[table["portrait_id"].duplicated(), "portrait_id"]
    if len(twice):
        raise UserError(
            f"the annotations name the portrait '{twice.iloc[0]}' twice",
            cause="two shards overlap: they were made with different shard sizes or portraits",
            remedy="delete the folder of annotations and run the step 'annotate' again",
        )
    usable = table[table["status"] == "ok"]
    eligible = usable[usable["hair_fraction"] >= minimum_hair_fraction]
    return from_rows(eligible, _census(table, usable, eligible, minimum_hair_fraction))


def from_rows(eligible: pd.DataFrame, census: str = "") -> Candidates:
    """Take over rows of the annotations table, all of them eligible."""
    if eligible["mask_size"].nunique() > 1:
        raise UserError(
            "the annotations hold masks of several sizes",
            cause=f"mask sizes {sorted(eligible['mask_size'].unique())}",
            remedy="delete the folder of annotations and run the step 'annotate' again",
        )
    eligible = eligible.sort_values("portrait_id")
    words = np.frombuffer(b"".join(eligible["face_mask"]), dtype=np.uint64)
    words = words.reshape(len(eligible), -1 if len(eligible) else 0)
    points = [np.asarray(value, dtype=np.float64) for value in eligible["landmarks"]]
    return Candidates(
        ids=tuple(eligible["portrait_id"]),
        hair_fractions=eligible["hair_fraction"].to_numpy(dtype=np.float64),
        face_words=np.ascontiguousarray(words[:, words.any(axis=0)]),
        landmarks=np.array(points).reshape(len(eligible), POINTS, 2),
        census=census,
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


def _census(table: pd.DataFrame, usable: pd.DataFrame, eligible: pd.DataFrame, minimum: float) -> str:
    lines = [
        f"{len(table)} portraits annotated, {len(table) - len(usable)} of them set aside, "
        f"{len(usable) - len(eligible)} with less than {minimum:.0%} hair, {len(eligible)} eligible"
    ]
    reasons = Counter(table.loc[table["status"] != "ok", "reason"])
    lines += [f"set aside ({count}): {reason}" for reason, count in reasons.most_common(3)]
    return "; ".join(lines)
