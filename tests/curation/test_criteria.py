"""Table 1: the borders of its ranges, and its two readings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loho_bench.curation.criteria import CATEGORIES, NO_CATEGORY, categorize

NAMES = [category.name for category in CATEGORIES]
ABOVE = math.nextafter


def name(face_iou: float, pose: float, reading: str = "strict") -> str | None:
    index = int(categorize(np.array(face_iou), np.array(pose), reading))
    return None if index == NO_CATEGORY else NAMES[index]


@pytest.mark.parametrize(
    ("face_iou", "expected"),
    [
        (1.0, "easy"),
        (ABOVE(0.8, 1), "easy"),
        (0.8, None),
        (ABOVE(0.8, 0), None),
    ],
)
def test_borders_of_the_iou_with_an_easy_pose(face_iou, expected):
    assert name(face_iou, 1.0) == expected


@pytest.mark.parametrize(
    ("face_iou", "pose", "expected"),
    [
        (0.9, 0.0, "easy"),
        (0.9, ABOVE(2.0, 0), "easy"),
        (0.9, 2.0, None),
        (0.8, 2.0, "medium"),
        (ABOVE(0.7, 1), ABOVE(4.0, 0), "medium"),
        (0.7, 2.0, None),
        (0.7, 4.0, "difficult"),
        (ABOVE(0.6, 1), ABOVE(5.0, 0), "difficult"),
        (0.6, 4.5, None),
        (0.65, 5.0, None),
        (0.75, 4.0, None),
    ],
)
def test_both_values_decide_in_the_strict_reading(face_iou, pose, expected):
    assert name(face_iou, pose) == expected


@pytest.mark.parametrize(
    ("face_iou", "pose", "expected"),
    [
        (0.9, 1.0, "easy"),
        (0.9, 2.0, "medium"),
        (0.75, 1.0, "medium"),
        (0.9, 4.5, "difficult"),
        (0.65, 0.5, "difficult"),
        (0.6, 1.0, None),
        (0.9, 5.0, None),
    ],
)
def test_the_harder_value_decides_in_the_cumulative_reading(face_iou, pose, expected):
    assert name(face_iou, pose, "cumulative") == expected


@given(st.floats(0, 1), st.floats(0, 8))
def test_a_strict_category_is_also_the_cumulative_one(face_iou, pose):
    strict = name(face_iou, pose)
    assert strict is None or strict == name(face_iou, pose, "cumulative")


def test_many_pairs_at_once_give_what_each_gives_alone():
    generator = np.random.default_rng(0)
    overlap, pose = generator.uniform(0.5, 1, (7, 9)), generator.uniform(0, 6, (7, 9))
    for reading in ("strict", "cumulative"):
        found = categorize(overlap, pose, reading)
        assert found.shape == (7, 9)
        for place in np.ndindex(7, 9):
            assert found[place] == categorize(overlap[place], pose[place], reading)
