"""Intervals of FID and KID against fresh draws, SciPy's matrix square root and sums by hand."""

import time

import numpy as np
import pytest
from scipy import linalg

from loho_bench.metrics.frechet import Gaussian, RedrawnDistance, frechet_distance_of_features
from loho_bench.metrics.kid import KernelSample, exact_kid
from loho_bench.metrics.set_statistics import bootstrap_fid, bootstrap_kid, paired_fid_difference


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


def decaying(rng, n, d, rank):
    """Features whose directions differ in size by three orders, as those of a network do."""
    return (rng.normal(size=(n, rank)) * np.exp(-np.linspace(0, 7, rank))) @ rng.normal(size=(rank, d)) + 0.3


SETS = {
    "fewer images than features on both sides": (20, 30, 64, 64),
    "fewer images on one side": (20, 200, 64, 64),
    "a small reference": (50, 12, 64, 64),
    "more images than features": (150, 200, 16, 16),
    "features that depend on others": (60, 90, 48, 10),
}


@pytest.mark.parametrize("case", SETS)
def test_a_redrawn_distance_is_that_of_the_repeated_rows(case):
    n, m, d, rank = SETS[case]
    rng = np.random.default_rng(12)
    generated, reference = decaying(rng, n, d, rank), decaying(rng, m, d, rank)
    redrawn = RedrawnDistance(generated, Gaussian.from_features(reference))
    for rows in [np.arange(n), *rng.integers(n, size=(3, n))]:
        ours = redrawn(np.bincount(rows, minlength=n))
        assert ours == pytest.approx(frechet_distance_of_features(generated[rows], reference), rel=1e-6)


def test_a_redrawn_distance_agrees_with_scipys_square_root():
    rng = np.random.default_rng(13)
    generated, reference = decaying(rng, 90, 12, 12), decaying(rng, 120, 12, 12)
    rows = rng.integers(90, size=90)
    moments = [(x.mean(0), np.cov(x, rowvar=False)) for x in (generated[rows], reference)]
    (mu1, cov1), (mu2, cov2) = moments
    root = linalg.sqrtm(cov1 @ cov2).real
    expected = np.sum((mu1 - mu2) ** 2) + np.trace(cov1 + cov2 - 2 * root)
    redrawn = RedrawnDistance(generated, Gaussian.from_features(reference))
    assert redrawn(np.bincount(rows, minlength=90)) == pytest.approx(expected, rel=1e-6)


def test_an_interval_over_features_of_inceptions_width_takes_seconds():
    rng = np.random.default_rng(14)
    target = Gaussian.from_features(decaying(rng, 200, 2048, 200))
    generated = decaying(rng, 36, 2048, 200)
    start = time.process_time()
    assert bootstrap_fid(generated, target, seed=0, resamples=500).n == 36
    assert time.process_time() - start < 5


def test_a_redrawn_kid_leaves_out_pairs_of_a_picture_with_itself():
    rng = np.random.default_rng(15)
    generated, reference = rng.normal(size=(9, 4)), rng.normal(size=(7, 4)) + 0.4
    sets = KernelSample.from_features(generated), KernelSample.from_features(reference)
    rows = rng.integers(9, size=9)
    assert len(set(rows)) < 9

    def kernel(a, b):
        return (a @ b / 4 + 1) ** 3

    pairs = [(i, j) for i in rows for j in rows if i != j]
    ours = np.mean([kernel(generated[i], generated[j]) for i, j in pairs])
    theirs = np.mean(
        [kernel(a, b) for i, a in enumerate(reference) for j, b in enumerate(reference) if i != j]
    )
    between = np.mean([kernel(generated[i], b) for i in rows for b in reference])
    counts = np.stack([np.bincount(rows, minlength=9), np.ones(9, int)])
    found = sets[0].redrawn(sets[1], counts)
    assert found[0] == pytest.approx(ours + theirs - 2 * between, rel=1e-9)
    assert found[1] == pytest.approx(exact_kid(generated, reference).value, rel=1e-9)


def test_kid_interval_is_as_wide_as_the_spread_over_fresh_draws():
    rng = np.random.default_rng(16)
    reference = KernelSample.from_features(draw(rng, 300))
    fresh = [KernelSample.from_features(draw(rng, 60, 0.8)) for _ in range(300)]
    expected = np.subtract(
        *np.quantile([sample.distance(reference).value for sample in fresh], [0.975, 0.025])
    )
    intervals = [
        bootstrap_kid(sample, reference, seed=i, resamples=200) for i, sample in enumerate(fresh[:20])
    ]
    widths = np.mean([interval.high - interval.low for interval in intervals])
    assert 0.75 < widths / expected < 1.3
    assert all(interval.low < interval.value < interval.high for interval in intervals)
    assert np.mean([abs(interval.bias) for interval in intervals]) < 0.05 * expected


def test_kid_of_too_few_images_has_no_interval():
    reference = KernelSample.from_features(np.random.default_rng(17).normal(size=(20, 3)))
    for n in (0, 1, 2):
        few = KernelSample.from_features(np.ones((n, 3)))
        interval = bootstrap_kid(few, reference, seed=0, failed=4)
        assert np.isnan([interval.low, interval.high]).all()
        assert np.isnan(interval.value) == (n < 2)
        assert (interval.n, interval.failed) == (n, 4)
