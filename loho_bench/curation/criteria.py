"""Table 1 of the paper as data, and the rule that puts a pair of portraits in a category."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Reading = Literal["strict", "cumulative"]

NO_CATEGORY = -1


@dataclass(frozen=True)
class Category:
    """A row of Table 1: face IoU in ``(iou_low, iou_high]``, pose distance in ``[pose_low, pose_high)``."""

    name: str
    iou_low: float
    iou_high: float
    pose_low: float
    pose_high: float


CATEGORIES = (
    Category("easy", iou_low=0.8, iou_high=1.0, pose_low=0.0, pose_high=2.0),
    Category("medium", iou_low=0.7, iou_high=0.8, pose_low=2.0, pose_high=4.0),
    Category("difficult", iou_low=0.6, iou_high=0.7, pose_low=4.0, pose_high=5.0),
)
"""From the easiest to the hardest."""


def categorize(face_iou: np.ndarray, pose_distance: np.ndarray, reading: Reading = "strict") -> np.ndarray:
    """Give every pair its category (Table 1).

    Parameters
    ----------
    face_iou : numpy.ndarray
        IoU of the two face masks, any shape.
    pose_distance : numpy.ndarray
        Mean distance of the 68 landmarks in pixels, same shape.
    reading : {"strict", "cumulative"}
        ``strict``: both values lie in the ranges of one category. ``cumulative``: each value is banded by
        itself and the harder band decides; a value outside all ranges still excludes the pair.

    Returns
    -------
    numpy.ndarray
        Index into ``CATEGORIES``, or ``NO_CATEGORY``; ``int8``, same shape.
    """
    by_iou = np.full(np.shape(face_iou), NO_CATEGORY, dtype=np.int8)
    by_pose = by_iou.copy()
    for index, category in enumerate(CATEGORIES):
        by_iou[(face_iou > category.iou_low) & (face_iou <= category.iou_high)] = index
        by_pose[(pose_distance >= category.pose_low) & (pose_distance < category.pose_high)] = index
    if reading == "strict":
        return np.where(by_iou == by_pose, by_iou, np.int8(NO_CATEGORY))
    inside = (by_iou != NO_CATEGORY) & (by_pose != NO_CATEGORY)
    return np.where(inside, np.maximum(by_iou, by_pose), np.int8(NO_CATEGORY))
