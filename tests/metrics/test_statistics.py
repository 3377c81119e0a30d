"""Bootstrap intervals against closed forms, coverage, and properties that any interval must have."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from loho_bench.metrics.frechet import frechet_distance_of_features
from loho_bench.metrics.statistics import (
    bootstrap_fid,
    bootstrap_mean,
    paired_difference,
    paired_fid_difference,
)


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
    perfect = bootstrap_mean(np.array([30.0, np.inf, 31.0]), seed=0)
    assert np.isinf(perfect.value)
    assert np.isnan([perfect.low, perfect.high]).all()
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


def draw(rng, n, shift=0.0):
    return rng.normal(size=(n, 6)) * np.array([3, 2, 1, 1, 0.5, 0.1]) + shift


def test_fid_interval_is_as_wide_as_the_spread_over_fresh_draws():
    rng = np.random.default_rng(7)
    reference = draw(rng, 300)
    fresh = [frechet_distance_of_features(draw(rng, 60, 0.8), reference) for _ in range(300)]
    intervals = [bootstrap_fid(draw(rng, 60, 0.8), reference, seed=s, resamples=200) for s in range(20)]
    widths = np.mean([interval.high - interval.low for interval in intervals])
    expected = np.subtract(*np.quantile(fresh, [0.975, 0.025]))
    assert 0.75 < widths / expected < 1.3
    assert all(interval.bias > 0 for interval in intervals)  # repeated images raise a FID


def test_fid_interval_holds_the_estimate_and_says_what_it_rests_on():
    rng = np.random.default_rng(8)
    generated, reference = draw(rng, 30, 1.0), draw(rng, 50)
    ours = bootstrap_fid(generated, reference, seed=1, failed=2, resamples=200)
    assert ours.value == pytest.approx(frechet_distance_of_features(generated, reference))
    assert 0 <= ours.low < ours.value < ours.high
    assert (ours.n, ours.failed) == (30, 2)
    assert ours == bootstrap_fid(generated, reference, seed=1, failed=2, resamples=200)
    assert np.isnan(bootstrap_fid(generated[:1], reference, seed=1).value)


def test_fid_interval_holds_the_estimate_where_resampling_shifts_it_most():
    rng = np.random.default_rng(10)
    generated, reference = rng.normal(size=(20, 40)), rng.normal(size=(200, 40))
    ours = bootstrap_fid(generated, reference, seed=0, resamples=200)
    assert ours.bias > (ours.high - ours.low) / 2  # uncorrected, the interval would lie above the estimate
    assert ours.low < ours.value < ours.high


def test_paired_fid_difference():
    rng = np.random.default_rng(9)
    reference, first = draw(rng, 80), draw(rng, 40)
    same = paired_fid_difference(first, first, reference, seed=0, resamples=50)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    worse = paired_fid_difference(first + 1, first, reference, seed=0, resamples=200)
    assert worse.value == pytest.approx(
        frechet_distance_of_features(first + 1, reference) - frechet_distance_of_features(first, reference)
    )
    assert 0 < worse.low < worse.value < worse.high
    with pytest.raises(ValueError, match="same tuples"):
        paired_fid_difference(first, first[:-1], reference, seed=0)
