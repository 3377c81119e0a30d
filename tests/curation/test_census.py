"""The census against a count by plain loops, and its independence of tiles and order."""

from __future__ import annotations

import numpy as np
import pytest
from curation.worlds import annotations, table
from hypothesis import given, settings
from hypothesis import strategies as st

from loho_bench.curation.candidates import Candidates, from_rows, read_candidates
from loho_bench.curation.census import Rule, count_pairs
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
    counts = count_pairs(candidates, Rule(FRAME, reading), tile=16)
    expected = brute_force(world, 0.18, reading)
    assert dict(zip(candidates.ids, counts.tolist(), strict=True)) == expected
    assert (counts.sum(axis=0) > 50).all(), "every category must be put to the test"


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 70), st.randoms(use_true_random=False))
def test_neither_tile_nor_order_of_rows_changes_it(tile, shuffler):
    found = annotations(23, seed=1)
    reference = count_pairs(candidates_of(found, 0.1), Rule(FRAME), tile=64)
    shuffler.shuffle(found)
    np.testing.assert_array_equal(count_pairs(candidates_of(found, 0.1), Rule(FRAME), tile=tile), reference)


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
