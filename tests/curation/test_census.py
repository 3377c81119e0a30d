"""The census against a count by plain loops, and its independence of threads, tiles, bounds and order."""

from __future__ import annotations

import bisect
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from curation.worlds import annotations, table
from hypothesis import given, settings
from hypothesis import strategies as st

from loho_bench.curation.candidates import Candidates, from_rows, read_candidates
from loho_bench.curation.census import Rule, categories_of, count_pairs, measure_pairs, take_census
from loho_bench.curation.tiles import arrange
from loho_bench.errors import UserError

# (IoU above, IoU up to, pose from, pose below) of Easy, Medium and Difficult, typed in again from Table 1.
TABLE_1 = [(0.8, 1.0, 0, 2), (0.7, 0.8, 2, 4), (0.6, 0.7, 4, 5)]
FRAME = 60.0


def brute_force(found, minimum: float, reading: str = "strict") -> dict[str, list[int]]:
    """Count the structures of every eligible identity with loops over pairs, pixels and points."""
    eligible = [one for one in found if one.hair.sum() / one.hair.size >= minimum]
    counts = {one.portrait_id: [0, 0, 0] for one in eligible}
    for one in eligible:
        for other in eligible:
            if one is other:
                continue
            overlap = (one.face & other.face).sum() / (one.face | other.face).sum()
            steps = FRAME * (one.landmarks.astype(float) - other.landmarks.astype(float))
            pose = np.linalg.norm(steps, axis=1).mean()
            by_iou = [i for i, (low, high, _, _) in enumerate(TABLE_1) if low < overlap <= high]
            by_pose = [i for i, (_, _, low, high) in enumerate(TABLE_1) if low <= pose < high]
            if by_iou and by_pose and (reading == "cumulative" or by_iou == by_pose):
                counts[one.portrait_id][max(by_iou + by_pose)] += 1
    return counts


@pytest.fixture(scope="module")
def world():
    return annotations(60)


def candidates_of(found, minimum: float = 0.18) -> Candidates:
    rows = table(found)
    return from_rows(rows[rows["hair_fraction"] >= minimum])


@pytest.mark.parametrize("reading", ["strict", "cumulative"])
def test_the_census_is_that_of_plain_loops(world, reading):
    candidates = candidates_of(world)
    assert 20 < len(candidates) < 60
    counts = count_pairs(candidates, Rule(FRAME, reading))
    expected = brute_force(world, 0.18, reading)
    assert dict(zip(candidates.ids, counts.tolist(), strict=True)) == expected
    assert (counts.sum(axis=0) > 50).all(), "every category must be put to the test"


def loops_over_pairs(found, frame: float) -> tuple[dict[tuple[int, int], int], int]:
    """Count ordered pairs by cells of 1/100 of IoU and 1/10 pixel, in exact arithmetic, and those outside."""
    faces = [int.from_bytes(np.packbits(one.face).tobytes()) for one in found]
    points = [[tuple(map(float, point)) for point in one.landmarks] for one in found]
    iou_edges = [Fraction(edge, 100) for edge in range(60, 101)]
    pose_edges = [edge / 10 for edge in range(51)]
    cells, outside = {}, 0
    for i, j in itertools.combinations(range(len(found)), 2):
        union = (faces[i] | faces[j]).bit_count()
        overlap = Fraction((faces[i] & faces[j]).bit_count(), union)
        pose = math.fsum(map(math.dist, points[i], points[j])) * frame / 68
        cell = (bisect.bisect_left(iou_edges, overlap) - 1, bisect.bisect_right(pose_edges, pose) - 1)
        if cell[0] < 0 or cell[1] > 49:
            outside += 2
        else:
            cells[cell] = cells.get(cell, 0) + 2
    return cells, outside


@pytest.mark.parametrize("bounded", [True, False])
def test_500_portraits_by_brute_force_and_in_exact_arithmetic(bounded):
    found = annotations(500, seed=4, spread=1.5)
    candidates = from_rows(table(found))
    census = take_census(candidates, Rule(FRAME), threads=2, bounded=bounded)
    cells, outside = loops_over_pairs(found, FRAME)
    counted = {(i, p): census.histogram[i, p] for i, p in np.argwhere(census.histogram).tolist()}
    assert counted == cells
    assert len(cells) > 900
    assert census.outside + sum(census.ruled_out) == outside > 40_000
    assert (sum(census.ruled_out) > 0) == bounded
    totals = [
        sum(n for (i, p), n in cells.items() if i >= 20 and p < 20),
        sum(n for (i, p), n in cells.items() if 10 <= i < 20 <= p < 40),
        sum(n for (i, p), n in cells.items() if i < 10 and p >= 40),
    ]
    assert census.counts.sum(axis=0).tolist() == totals


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 70), st.integers(1, 4), st.booleans(), st.randoms(use_true_random=False))
def test_neither_tiles_nor_threads_nor_bounds_nor_order_of_rows_change_it(side, threads, bounded, shuffler):
    found = annotations(70, seed=1, spread=2)
    reference = take_census(candidates_of(found, 0.1), Rule(FRAME))
    shuffler.shuffle(found)
    candidates = candidates_of(found, 0.1)
    tiles = arrange(candidates.face_words, candidates.landmarks, side)
    census = take_census(candidates, Rule(FRAME), threads, tiles, bounded)
    np.testing.assert_array_equal(census.counts, reference.counts)
    np.testing.assert_array_equal(census.histogram, reference.histogram)


def test_both_bounds_rule_out_pairs_and_none_of_the_window():
    # Two groups with faces of two sizes, and two more that stand apart by the landmarks alone.
    found = annotations(260, spread=0.2)
    for index, one in enumerate(found):
        if index % 4 == 1:
            one.face[:, ::2] = one.face[::2] = False
        if index % 4 == 2:
            one.landmarks[36:] += 0.2
    candidates = from_rows(table(found))
    # Tiles of one portrait have the tightest bounds.
    tiles = arrange(candidates.face_words, candidates.landmarks, 1)
    census = take_census(candidates, Rule(FRAME), tiles=tiles)
    assert min(census.ruled_out) > 1000
    np.testing.assert_array_equal(
        census.histogram, take_census(candidates, Rule(FRAME), bounded=False).histogram
    )


@pytest.mark.parametrize("reading", ["strict", "cumulative"])
def test_the_draw_sees_the_category_that_the_definition_gives(world, reading):
    candidates, everyone = candidates_of(world), np.arange(len(candidates_of(world)))
    expected = measure_pairs(candidates, everyone, everyone, Rule(FRAME, reading)).category
    found = dict(categories_of(candidates, reversed(everyone.tolist()), Rule(FRAME, reading), threads=3))
    assert sorted(found) == everyone.tolist()
    np.testing.assert_array_equal([found[index] for index in everyone], expected)


def on_the_borders() -> Candidates:
    """Portraits whose IoU and pose distances from the first lie on the bounds of Table 1, or next to them."""
    pixels = [100, 80, 79, 81, 70, 69, 71, 60, 59, 61]
    steps = [0, 2, 4, 5]
    masks, points = [], []
    for count, step, nudge in itertools.product(pixels, steps, [-1, 0, 1]):
        mask = np.zeros(128, bool)
        mask[:count] = True
        masks.append(np.packbits(mask).view(np.uint64))
        base = np.full((68, 2), 0.25)
        away = 0.25 + step / 128
        base[:, 0] = math.nextafter(away, nudge * math.inf) if nudge else away
        points.append(base)
    ids = tuple(f"{index:03d}" for index in range(len(masks)))
    return Candidates(ids, np.ones(len(ids)), np.array(masks), np.array(points))


@pytest.mark.parametrize("reading", ["strict", "cumulative"])
def test_pairs_on_the_borders_of_the_ranges(reading):
    candidates, rule = on_the_borders(), Rule(128, reading)
    everyone = np.arange(len(candidates))
    category = measure_pairs(candidates, everyone, everyone, rule).category
    expected = np.stack([(category == index).sum(axis=1) for index in range(3)], axis=1)
    np.testing.assert_array_equal(count_pairs(candidates, rule), expected)
    # Of the first with that of 80 pixels, 2 pixels apart, and those whose landmarks are next to its own.
    first, place = 1, 3 * (1 * 4 + 1) + 1
    expected = {"strict": [-1, 1, 1], "cumulative": [1, 1, 1]}[reading]
    assert category[first, place - 1 : place + 2].tolist() == expected


def test_faces_without_a_pixel_and_lonely_portraits():
    landmarks = np.zeros((3, 68, 2))
    for width in (0, 2):
        empty = Candidates(tuple("abc"), np.ones(3), np.zeros((3, width), np.uint64), landmarks)
        census = take_census(empty, Rule(FRAME))
        assert not census.counts.any()
        assert census.outside + sum(census.ruled_out) == 6
    for count in (0, 1):
        few = Candidates(
            tuple("ab"[:count]), np.ones(count), np.ones((count, 1), np.uint64), landmarks[:count]
        )
        assert take_census(few, Rule(FRAME)).counts.tolist() == [[0, 0, 0]] * count


def test_a_pair_counts_in_both_directions(world):
    assert (count_pairs(candidates_of(world), Rule(FRAME)).sum(axis=0) % 2 == 0).all()


def test_the_hair_fraction_itself_is_enough(world, tmp_path):
    rows = table(world)
    fraction = rows["hair_fraction"].sort_values().iloc[20]
    rows.to_parquet(tmp_path / "a.parquet")
    assert min(read_candidates([tmp_path / "a.parquet"], fraction).hair_fractions) == fraction


def test_portraits_set_aside_do_not_count_and_are_told(world, tmp_path):
    rows = table(world)
    rows.loc[[3, 9], ["status", "reason"]] = ["rejected", "no face found"]
    rows.iloc[:30].to_parquet(tmp_path / "a.parquet")
    rows.iloc[30:].to_parquet(tmp_path / "b.parquet")
    read = read_candidates([tmp_path / "b.parquet", tmp_path / "a.parquet"], 0)
    assert read.ids == tuple(sorted(rows.loc[rows["status"] == "ok", "portrait_id"]))
    assert "2 of them set aside" in read.census
    assert "no face found" in read.census


def test_annotations_that_do_not_fit_together(world, tmp_path):
    rows = table(world)
    rows.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(UserError, match="twice"):
        read_candidates([tmp_path / "a.parquet", tmp_path / "a.parquet"], 0)
    rows.assign(mask_size=np.where(rows.index < 5, 32, 64)).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(UserError, match="several sizes"):
        read_candidates([tmp_path / "b.parquet"], 0)
    rows.drop(columns="face_mask").to_parquet(tmp_path / "c.parquet")
    with pytest.raises(UserError, match="face_mask"):
        read_candidates([tmp_path / "c.parquet"], 0)
    with pytest.raises(UserError, match="no annotations"):
        read_candidates([], 0)
