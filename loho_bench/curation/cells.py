"""The window of face IoU and pose distance that Table 1 looks at, in cells of a two-way histogram."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from loho_bench.curation.criteria import CATEGORIES, NO_CATEGORY, Reading, categorize

CELLS_PER_IOU = 100
CELLS_PER_PIXEL = 10


class Cells(NamedTuple):
    """Cell ``(i, p)``: IoU in ``(iou_edges[i], iou_edges[i + 1]]``, pose in ``[pose_edges[p], ...)``.

    The edges hold all bounds of Table 1, so that a cell lies in one category, or in none.

    Attributes
    ----------
    iou_edges, pose_edges : numpy.ndarray
        ``[I + 1]`` and ``[P + 1] float64``.
    categories : numpy.ndarray
        ``[I * P + 1] int8``: index into ``CATEGORIES``, or ``NO_CATEGORY``; the last is all that is outside.
    units : numpy.ndarray
        ``[I * P + 1] uint64``: 1 in the 16 bits of the category, so that one addition counts all categories.
    """

    iou_edges: np.ndarray
    pose_edges: np.ndarray
    categories: np.ndarray
    units: np.ndarray


@cache
def cells_of(reading: Reading) -> Cells:
    """Return the cells, and the category of each in this reading of Table 1."""
    iou_edges = _edges([(c.iou_low, c.iou_high) for c in CATEGORIES], CELLS_PER_IOU)
    pose_edges = _edges([(c.pose_low, c.pose_high) for c in CATEGORIES], CELLS_PER_PIXEL)
    # The edge that belongs to a cell stands for all of it.
    corners = np.meshgrid(iou_edges[1:], pose_edges[:-1], indexing="ij")
    categories = np.append(categorize(*corners, reading), np.int8(NO_CATEGORY))
    units = [0 if category == NO_CATEGORY else 1 << (16 * category) for category in categories.tolist()]
    return Cells(iou_edges, pose_edges, categories, np.array(units, np.uint64))


def histogram_table(histogram: np.ndarray, cells: Cells) -> pd.DataFrame:
    """Return a histogram ``[I, P]`` as one row a cell: its edges, and its pairs."""
    iou, pose = (np.arange(length) for length in histogram.shape)
    i, p = (index.ravel() for index in np.meshgrid(iou, pose, indexing="ij"))
    return pd.DataFrame(
        {
            "iou_low": cells.iou_edges[i],
            "iou_high": cells.iou_edges[i + 1],
            "pose_low": cells.pose_edges[p],
            "pose_high": cells.pose_edges[p + 1],
            "pairs": histogram.ravel(),
        }
    )


def _edges(ranges: list[tuple[float, float]], per_unit: int) -> np.ndarray:
    steps = np.rint(per_unit * np.array(ranges)).astype(int)
    # Quotients of integers are the numbers that people write: 60 / 100 is 0.6, to the last bit.
    edges = np.arange(steps.min(), steps.max() + 1) / per_unit
    if not np.isin(ranges, edges).all():
        raise ValueError(f"the bounds {ranges} are not all multiples of 1/{per_unit}")
    return edges
