"""The arrangement of portraits: everyone once, alike ones together, and true statements about tiles."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from curation.worlds import annotations, table

from loho_bench.curation.candidates import from_rows
from loho_bench.curation.tiles import EMPTY, FULL, PARTS, arrange


@pytest.fixture(scope="module")
def candidates():
    return from_rows(table(annotations(150, spread=2)))


@pytest.mark.parametrize("side", [1, 7, 64, 150, 200])
def test_everyone_has_one_place(candidates, side):
    tiles = arrange(candidates.face_words, candidates.landmarks, side)
    assert sorted(tiles.order) == list(range(150))
    count, width, _ = tiles.words.shape
    words = tiles.words.transpose(0, 2, 1).reshape(count * side, width)
    np.testing.assert_array_equal(words[:150], candidates.face_words[tiles.order])
    assert not words[150:].any()
    points = tiles.points.transpose(0, 3, 2, 1).reshape(count * side, 68, 2)[:150].astype(float)
    centre = candidates.landmarks.mean(axis=0)
    np.testing.assert_allclose(points + centre, candidates.landmarks[tiles.order], rtol=0, atol=1e-7)
    assert tiles.reach == np.abs(points).max()


def test_what_is_said_of_a_tile_is_true_of_its_portraits(candidates):
    side = 16
    tiles = arrange(candidates.face_words, candidates.landmarks, side)
    ends = np.cumsum((0, *PARTS))
    assert ends[-1] == 68
    for tile in range(len(tiles.words)):
        members = tiles.order[tile * side : (tile + 1) * side]
        words, landmarks = candidates.face_words[members], candidates.landmarks[members]
        areas = np.bitwise_count(words)
        np.testing.assert_array_equal(tiles.states[tile] == EMPTY, (areas == 0).all(axis=0))
        np.testing.assert_array_equal(tiles.states[tile] == FULL, (areas == 64).all(axis=0))
        np.testing.assert_array_equal(tiles.largest[tile], areas.max(axis=0))
        assert tiles.smallest_face[tile] == areas.sum(axis=1).min()
        for part, (start, end) in enumerate(itertools.pairwise(ends)):
            means = landmarks[:, start:end].mean(axis=1)
            np.testing.assert_allclose(tiles.boxes[tile, 0, part], means.min(axis=0), atol=1e-12)
            np.testing.assert_allclose(tiles.boxes[tile, 1, part], means.max(axis=0), atol=1e-12)
    assert (tiles.states == FULL).any()


def test_alike_faces_stand_together(candidates):
    tiles = arrange(candidates.face_words, candidates.landmarks, 16)
    areas = np.bitwise_count(candidates.face_words).astype(float)

    def spread(order: np.ndarray) -> float:
        return np.mean([areas[order[start : start + 16]].var(axis=0).sum() for start in range(0, 144, 16)])

    assert spread(tiles.order) < 0.6 * spread(np.arange(150))
