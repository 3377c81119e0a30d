"""Bootstrap intervals against closed forms, coverage, and properties that any interval must have."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from loho_bench.metrics.statistics import bootstrap_mean, compare, paired_difference


def test_interval_of_a_normal_mean_is_that_of_student():
    values = np.random.default_rng(0).normal(30, 3, 400)
    ours = bootstrap_mean(values, seed=1, resamples=5000)
    expected = stats.t.interval(0.95, 399, values.mean(), stats.sem(values))
    assert ours.value == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx(expected, abs=0.05)
    assert (ours.n, ours.failed, ours.confidence) == (400, 0, 0.95)


def test_interval_covers_the_true_mean_of_skewed_data():
    rng = np.random.default_rng(2)
    covered = 0
    for seed in range(200):
        interval = bootstrap_mean(rng.exponential(1, 40), seed=seed, resamples=400)
        covered += interval.low <= 1 <= interval.high
    assert 0.88 <= covered / 200 <= 0.985


def test_failed_tuples_are_counted_and_left_out():
    values = np.array([1.0, np.nan, 2.0, 3.0, np.nan])
    ours = bootstrap_mean(values, seed=0)
    assert (ours.value, ours.n, ours.failed) == (2.0, 3, 2)


def test_order_of_the_tuples_does_not_matter():
    values = np.random.default_rng(11).normal(size=25)
    assert bootstrap_mean(values, seed=0) == bootstrap_mean(values[::-1], seed=0)


def test_same_seed_same_interval_and_wider_for_more_confidence():
    values = np.random.default_rng(3).normal(size=30)
    ours = bootstrap_mean(values, seed=5)
    assert ours == bootstrap_mean(values, seed=5)
    assert ours != bootstrap_mean(values, seed=6)
    surer = bootstrap_mean(values, seed=5, confidence=0.99)
    assert surer.low < ours.low < ours.value < ours.high < surer.high


def test_data_that_cannot_give_an_interval():
    one = bootstrap_mean(np.array([4.0, np.nan]), seed=0)
    assert (one.value, one.n, one.failed) == (4.0, 1, 1)
    assert np.isnan([one.low, one.high]).all()
    none = bootstrap_mean(np.array([np.nan]), seed=0)
    assert np.isnan([none.value, none.low, none.high]).all()
    equal = bootstrap_mean(np.full(5, 0.25), seed=0)
    assert (equal.low, equal.value, equal.high) == (0.25, 0.25, 0.25)


def test_paired_difference_sees_what_the_spread_between_tuples_hides():
    rng = np.random.default_rng(4)
    ids = [f"easy-{i:04d}" for i in range(40)]
    difficulty = rng.normal(0, 10, 40)
    first = pd.Series(difficulty + 1 + rng.normal(0, 0.2, 40), index=ids)
    second = pd.Series(difficulty, index=ids)
    shuffled = second.sample(frac=1, random_state=0)
    ours = paired_difference(first, shuffled, seed=0)
    assert ours.value == pytest.approx(first.mean() - second.mean())
    assert 0.85 < ours.low < 1 < ours.high < 1.15
    reverse = paired_difference(second, first, seed=0)
    assert reverse.value == pytest.approx(-ours.value)


def test_tuple_missing_from_either_method_is_failed():
    first = pd.Series([1.0, 2.0, 3.0, np.nan], index=["a", "b", "c", "d"])
    second = pd.Series([0.0, 0.0, 5.0, 5.0], index=["a", "b", "e", "d"])
    ours = paired_difference(first, second, seed=0)
    assert (ours.value, ours.n, ours.failed) == (1.5, 2, 3)
    with pytest.raises(ValueError, match="'a' occurs twice"):
        paired_difference(pd.Series([1.0, 2.0], index=["a", "a"]), second, seed=0)


def test_perfect_copies_have_an_interval_too():
    """PSNR of an exact copy is infinite; an end that is NaN would break sorting."""
    copies = bootstrap_mean(np.full(4, np.inf), seed=0)
    assert (copies.low, copies.value, copies.high) == (np.inf, np.inf, np.inf)
    few = bootstrap_mean(np.array([30.0, *np.full(3, 31.0), np.inf]), seed=0)
    # 0.8⁵ = 33 % of the resamples hold no infinite value, so the lower end is a mean of finite ones.
    assert 30 <= few.low <= 31
    assert (few.value, few.high) == (np.inf, np.inf)


def test_two_perfect_copies_do_not_differ():
    perfect = pd.Series([np.inf, np.inf], index=["a", "b"])
    other = pd.Series([30.0, np.inf], index=["a", "b"])
    same = paired_difference(perfect, perfect, seed=0)
    assert (same.value, same.low, same.high, same.n) == (0, 0, 0, 2)
    assert paired_difference(perfect, other, seed=0).value == np.inf
    assert paired_difference(other, perfect, seed=0).value == -np.inf


def test_shares_of_tuples_won_and_tied():
    first = pd.Series([1.0, 2.0, 3.0, 4.0, np.nan], index=list("abcde"))
    second = pd.Series([2.0, 2.0, 1.0, 0.0, 9.0], index=list("abcde"))
    higher, lower = (compare(first, second, direction, seed=0) for direction in (True, False))
    assert (higher.won, higher.tied) == (0.5, 0.25)
    assert (lower.won, lower.tied) == (0.25, 0.25)
    assert higher.difference == lower.difference == paired_difference(first, second, seed=0)
    assert (higher.difference.value, higher.difference.n, higher.difference.failed) == (1.25, 4, 1)
    nothing = compare(first, pd.Series(dtype=float), True, seed=0)
    assert np.isnan([nothing.won, nothing.difference.value]).all()
