"""The exact number of eligible pairs in every category, without a list of all pairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from loho_bench.curation.candidates import Candidates
from loho_bench.curation.criteria import CATEGORIES, NO_CATEGORY, Reading, categorize
from loho_bench.curation.distances import face_iou, pose_distance
from loho_bench.progress import track

TILE = 256
"""Rows and columns measured at a time: a few megabytes, whatever the number of portraits."""


@dataclass(frozen=True)
class Rule:
    """What decides the category of a pair besides Table 1: frame of the pose distance, and reading."""

    landmark_frame: float
    reading: Reading = "strict"


@dataclass(frozen=True)
class Pairs:
    """A block of ordered pairs, ``[R, C]``: identity by row, structure by column."""

    face_iou: np.ndarray
    pose_distance: np.ndarray
    category: np.ndarray


def measure_pairs(candidates: Candidates, rows: np.ndarray, columns: np.ndarray, rule: Rule) -> Pairs:
    """Measure and categorize the pairs of ``rows`` with ``columns`` (indices of candidates).

    A portrait with itself is no pair: its category is ``NO_CATEGORY``.
    """
    overlap = face_iou(candidates.face_words[rows], candidates.face_words[columns])
    distance = pose_distance(candidates.landmarks[rows], candidates.landmarks[columns], rule.landmark_frame)
    category = categorize(overlap, distance, rule.reading)
    category[rows[:, None] == columns[None, :]] = NO_CATEGORY
    return Pairs(overlap, distance, category)


def count_pairs(candidates: Candidates, rule: Rule, tile: int = TILE) -> np.ndarray:
    """Count the eligible ordered pairs (identity, structure), tile by tile.

    Parameters
    ----------
    candidates : Candidates
        ``N`` eligible portraits.
    rule : Rule
    tile : int
        Rows and columns measured at a time; it changes the memory needed, never the result.

    Returns
    -------
    numpy.ndarray
        ``[N, 3] int64``: for every identity, its structures in each category.
    """
    counts = np.zeros((len(candidates), len(CATEGORIES)), dtype=np.int64)
    blocks = -(-len(candidates) // tile)
    tiles = track(_upper_triangle(blocks), "counting eligible pairs", blocks * (blocks + 1) // 2)
    for upper, lower in tiles:
        rows, columns = (_block(index, tile, len(candidates)) for index in (upper, lower))
        category = measure_pairs(candidates, rows, columns, rule).category
        for index in range(len(CATEGORIES)):
            hits = category == index
            counts[rows, index] += hits.sum(axis=1)
            if lower != upper:
                # Both distances are symmetric: the mirrored tile holds the same pairs, turned round.
                counts[columns, index] += hits.sum(axis=0)
    return counts


def _upper_triangle(blocks: int) -> Iterator[tuple[int, int]]:
    return ((upper, lower) for upper in range(blocks) for lower in range(upper, blocks))


def _block(index: int, tile: int, total: int) -> np.ndarray:
    return np.arange(index * tile, min((index + 1) * tile, total))
