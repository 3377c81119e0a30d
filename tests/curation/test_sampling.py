"""The draw of tuples: eligible, distinct, uniform, and the same whatever the order of work."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from curation.test_census import FRAME, brute_force
from curation.worlds import annotations, table
from scipy.stats import chisquare

from loho_bench.curation.candidates import from_rows
from loho_bench.curation.census import Rule, count_pairs
from loho_bench.curation.sampling import draw_distinct, draw_tuples

RULE = Rule(FRAME)


@pytest.fixture(scope="module")
def world():
    found = annotations(14, seed=2)
    candidates = from_rows(table(found))
    return found, candidates, count_pairs(candidates, RULE)


@pytest.mark.parametrize("category", [0, 1, 2])
def test_a_draw_of_everything_is_the_list_of_all_eligible_pairs(world, category):
    found, candidates, counts = world
    total = int(counts[:, category].sum())
    drawn = draw_tuples(candidates, counts, RULE, category, total + 5, run_seed=0)
    assert len({(one.identity, one.structure) for one in drawn}) == len(drawn) == total > 5
    by_identity = Counter(candidates.ids[one.identity] for one in drawn)
    expected = brute_force(found, 0)
    assert by_identity == {name: counts[category] for name, counts in expected.items() if counts[category]}
    by_name = {one.portrait_id: one for one in found}
    for one in drawn:
        first, second = (by_name[candidates.ids[index]] for index in (one.identity, one.structure))
        assert len({one.identity, one.structure, one.appearance}) == 3
        assert one.face_iou == (first.face & second.face).sum() / (first.face | second.face).sum()
        steps = FRAME * (first.landmarks.astype(float) - second.landmarks.astype(float))
        assert one.pose_distance == pytest.approx(np.linalg.norm(steps, axis=1).mean(), abs=1e-12)


def test_every_pair_and_every_appearance_is_equally_likely(world):
    _, candidates, counts = world
    total = int(counts[:, 1].sum())
    pairs, appearances = Counter(), Counter()
    for seed in range(500):
        for one in draw_tuples(candidates, counts, RULE, 1, 2, run_seed=seed):
            pairs[one.identity, one.structure] += 1
            # Place among the candidates that are left when identity and structure are taken out.
            left = [i for i in range(len(candidates)) if i not in (one.identity, one.structure)]
            appearances[left.index(one.appearance)] += 1
    assert len(pairs) == total
    assert chisquare(list(pairs.values())).pvalue > 1e-3
    assert len(appearances) == len(candidates) - 2
    assert chisquare(list(appearances.values())).pvalue > 1e-3


def test_a_larger_draw_starts_with_the_smaller_one(world):
    _, candidates, counts = world
    small, large = (draw_tuples(candidates, counts, RULE, 0, size, run_seed=3) for size in (4, 9))
    assert large[:4] == small
    assert draw_tuples(candidates, counts, RULE, 0, 9, run_seed=4) != large


def test_distinct_integers_are_a_permutation_when_all_are_drawn():
    assert sorted(draw_distinct(100, 100, seed=1)) == list(range(100))
    assert list(draw_distinct(100, 100, seed=1)) != list(range(100))
    firsts = Counter(next(draw_distinct(5, 1, seed)) for seed in range(2000))
    assert chisquare([firsts[value] for value in range(5)]).pvalue > 1e-3


def test_no_list_of_pairs_is_needed():
    # Five thousand million pairs: a list of them would take 40 GB.
    assert len(set(draw_distinct(5_000_000_000, 1000, seed=0))) == 1000
