"""KID against clean-fid, against sums written out pair by pair, and against what chance allows."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loho_bench.compat import prepare_torchvision
from loho_bench.metrics import fid as fid_module
from loho_bench.metrics import kid as kid_module
from loho_bench.metrics.feature_set import FeatureSet
from loho_bench.metrics.fid import fid
from loho_bench.metrics.kid import KernelSample, exact_kid, subset_kid


def random_features(seed, n, d, shift=0.0):
    rng = np.random.default_rng(seed)
    return (np.abs(rng.normal(size=(n, d))) + shift).astype(np.float32)


def pair_by_pair(x, y) -> float:
    """The unbiased estimate from its definition, a pair at a time."""

    def mean(first, second, same):
        values = [
            (float(np.dot(a.astype(np.float64), b.astype(np.float64))) / len(a) + 1) ** 3
            for i, a in enumerate(first)
            for j, b in enumerate(second)
            if not (same and i == j)
        ]
        return sum(values) / len(values)

    return mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)


@pytest.mark.parametrize(("n", "m", "d"), [(2, 2, 1), (7, 12, 5), (30, 9, 64), (15, 15, 200)])
def test_all_pairs_agree_with_the_definition(n, m, d, monkeypatch):
    monkeypatch.setattr(kid_module, "_VALUES_AT_ONCE", 40)  # several blocks
    x, y = random_features(1, n, d), random_features(2, m, d, 0.2)
    assert exact_kid(x, y).value == pytest.approx(pair_by_pair(x, y), rel=1e-9, abs=1e-12)


def test_one_dimension_by_hand():
    # k = (xy + 1)³: within 1 and 2 it is 27; within 0 and 1 it is 1; between them 1, 1, 8 and 27.
    kid = exact_kid(np.array([[1.0], [2.0]]), np.array([[0.0], [1.0]]))
    assert kid.value == pytest.approx(27 + 1 - 2 * (1 + 1 + 8 + 27) / 4, rel=1e-14)


@pytest.mark.parametrize(("n", "m", "largest"), [(40, 25, 1000), (300, 200, 50), (3000, 1200, 1000)])
def test_subsets_agree_with_clean_fid(n, m, largest, monkeypatch):
    prepare_torchvision()
    from cleanfid.fid import kernel_distance

    x, y = (random_features(k, size, 32, 0.05 * k).astype(np.float64) for k, size in ((1, n), (2, m)))
    # What np.random.seed(17) would do to clean-fid's draws.
    monkeypatch.setattr(np.random, "choice", np.random.RandomState(17).choice)
    expected = kernel_distance(x, y, num_subsets=6, max_subset_size=largest)
    ours = subset_kid(x, y, seed=17, subsets=6, largest=largest)
    assert ours.value == pytest.approx(expected, rel=1e-6)
    assert subset_kid(x, y, seed=17, subsets=6, largest=largest) == ours
    assert subset_kid(x, y, seed=18, subsets=6, largest=largest) != ours


def test_subsets_estimate_what_all_pairs_give():
    x, y = random_features(3, 400, 16), random_features(4, 300, 16, 0.1)
    subsets, exact = subset_kid(x, y, seed=0, subsets=200, largest=100), exact_kid(x, y)
    assert abs(subsets.value - exact.value) < 4 * subsets.error
    assert subsets.error < exact.value / 10


def test_standard_error_is_the_spread_over_draws():
    drawn = [
        exact_kid(random_features(2 * k, 60, 4), random_features(2 * k + 1, 80, 4, 0.3)) for k in range(300)
    ]
    spread = np.std([kid.value for kid in drawn])
    assert np.sqrt(np.mean([kid.error**2 for kid in drawn])) == pytest.approx(spread, rel=0.15)


def test_equal_distributions_scatter_around_zero_whatever_n():
    for n in (5, 50):
        drawn = [
            exact_kid(random_features(2 * k, n, 8), random_features(2 * k + 1, n, 8)).value
            for k in range(300)
        ]
        assert min(drawn) < 0 < max(drawn)
        assert abs(np.mean(drawn)) < 4 * np.std(drawn) / np.sqrt(len(drawn))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(2, 20), m=st.integers(2, 20), d=st.integers(1, 12))
def test_order_and_sides_do_not_matter(seed, n, m, d):
    x, y = random_features(seed, n, d), random_features(seed + 1, m, d, 0.1)
    ours, swapped = exact_kid(x, y), exact_kid(y[::-1], x)
    assert swapped.value == pytest.approx(ours.value, rel=1e-9, abs=1e-10)
    assert swapped.error == pytest.approx(ours.error, rel=1e-9, abs=1e-10, nan_ok=True)


def test_too_few_images_have_no_number():
    many = random_features(0, 5, 3)
    for n in (0, 1):
        for kid in (exact_kid(many[:n], many), exact_kid(many, many[:n]), subset_kid(many[:n], many, seed=0)):
            assert np.isnan(kid.value)
            assert np.isnan(kid.error)
    two = exact_kid(many[:2], many)
    assert np.isfinite(two.value)
    assert np.isnan(two.error)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="cannot be compared"):
        exact_kid(np.zeros((3, 4)), np.zeros((3, 5)))
    with pytest.raises(ValueError, match="finite"):
        KernelSample.from_features(np.array([[1.0], [np.nan]]))


def test_rows_hold_it_beside_fid():
    x, y = random_features(1, 20, 6), random_features(2, 30, 6, 0.2)
    row = fid(FeatureSet(x, "any", "64", "full"), FeatureSet(y, "any", "64", "full"))
    assert row["kid"] == pytest.approx(pair_by_pair(x, y), rel=1e-9)
    assert 0 < row["kid_error"] < row["kid"]
    lone = fid(FeatureSet(x[:1], "any", "64", "full"), FeatureSet(y, "any", "64", "full"))
    assert np.isnan(lone["kid"])


def test_the_reference_is_worked_through_once(monkeypatch):
    calls = []
    original = KernelSample.from_features.__func__
    monkeypatch.setattr(
        KernelSample, "from_features", classmethod(lambda cls, x: calls.append(len(x)) or original(cls, x))
    )
    reference = FeatureSet(random_features(2, 30, 6), "any", "64", "full")
    for n in (10, 11, 12):
        fid(FeatureSet(random_features(n, n, 6), "any", "64", "full"), reference)
    assert sorted(calls) == [10, 11, 12, 30]


def test_small_sets_are_logged_once_for_each_n(caplog):
    fid_module._log_once.cache_clear()
    caplog.set_level(logging.WARNING, "loho_bench")
    sets = [FeatureSet(random_features(n, n, 2), "any", "64", "full") for n in (20, 21, 2048)]
    for _ in range(2):
        for first in sets:
            fid(first, sets[2])
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "20 images are fewer than 2048" in caplog.text
