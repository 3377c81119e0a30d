"""Fréchet distance against clean-fid, closed forms and SciPy's matrix square root."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from loho_bench.compat import prepare_torchvision
from loho_bench.metrics.frechet import (
    Gaussian,
    feature_statistics,
    frechet_distance,
    frechet_distance_of_features,
)


def random_features(seed, n, d, spread=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) * spread + rng.normal(size=d)


def test_mean_shift_alone_gives_its_squared_length():
    shift = np.array([3.0, -4.0, 12.0])
    assert frechet_distance(np.zeros(3), np.eye(3), shift, np.eye(3)) == pytest.approx(169.0, rel=1e-12)
    features = random_features(0, 50, 3)
    assert frechet_distance_of_features(features, features + shift) == pytest.approx(169.0, rel=1e-10)


def test_commuting_covariances_give_the_distance_of_standard_deviations():
    rng = np.random.default_rng(1)
    basis, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    first, second = rng.uniform(0, 3, 6), np.array([0.0, 0.0, 1.0, 2.0, 3.0, 4.0])
    ours = frechet_distance(np.zeros(6), basis * first**2 @ basis.T, np.zeros(6), basis * second**2 @ basis.T)
    assert ours == pytest.approx(np.sum((first - second) ** 2), rel=1e-9)


def test_one_dimension():
    assert frechet_distance([1.0], [[4.0]], [3.0], [[25.0]]) == pytest.approx(4 + 9)


def test_orthogonal_supports_share_nothing():
    first, second = np.diag([1.0, 2.0, 0.0, 0.0]), np.diag([0.0, 0.0, 3.0, 4.0])
    assert frechet_distance(np.zeros(4), first, np.zeros(4), second) == pytest.approx(10.0, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), d=st.integers(2, 8))
def test_general_covariances_agree_with_scipy(seed, d):
    (mu1, cov1), (mu2, cov2) = (feature_statistics(random_features(seed + k, 40, d)) for k in range(2))
    root = linalg.sqrtm(cov1 @ cov2).real
    expected = np.sum((mu1 - mu2) ** 2) + np.trace(cov1 + cov2 - 2 * root)
    assert frechet_distance(mu1, cov1, mu2, cov2) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 30), m=st.integers(2, 30), d=st.integers(1, 12))
def test_properties_for_any_number_of_images(seed, n, m, d):
    x, y = random_features(seed, n, d), random_features(seed + 1, m, d)
    scale = np.square(x - x.mean(0)).sum() + np.square(y - y.mean(0)).sum() + 1
    distance = frechet_distance_of_features(x, y)
    assert distance >= 0
    assert frechet_distance_of_features(y, x) == pytest.approx(distance, rel=1e-9, abs=1e-9 * scale)
    assert frechet_distance_of_features(x, x) == pytest.approx(0, abs=1e-9 * scale)
    shuffled = np.random.default_rng(seed).permutation(x)
    assert frechet_distance_of_features(shuffled, y) == pytest.approx(distance, rel=1e-8, abs=1e-8 * scale)
    assert frechet_distance_of_features(x + 5, y + 5) == pytest.approx(distance, rel=1e-8, abs=1e-8 * scale)
    assert frechet_distance_of_features(3 * x, 3 * y) == pytest.approx(
        9 * distance, rel=1e-8, abs=1e-7 * scale
    )


def test_factor_of_few_images_and_of_the_covariance_agree():
    x, y = random_features(3, 9, 20), random_features(4, 200, 20)
    through_moments = Gaussian.from_moments(*feature_statistics(x)).distance(Gaussian.from_features(y))
    assert frechet_distance_of_features(x, y) == pytest.approx(through_moments, rel=1e-7)


def test_what_is_no_distribution_is_refused():
    with pytest.raises(ValueError, match="at least two rows"):
        frechet_distance_of_features(np.ones((1, 3)), np.ones((5, 3)))
    with pytest.raises(ValueError, match="not finite"):
        Gaussian.from_features(np.array([[1.0], [np.nan]]))
    with pytest.raises(ValueError, match="not symmetric"):
        Gaussian.from_moments(np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]]))
    with pytest.raises(ValueError, match="square covariance"):
        Gaussian.from_moments(np.zeros(3), np.eye(2))
    with pytest.raises(ValueError, match="cannot be compared"):
        frechet_distance(np.zeros(2), np.eye(2), np.zeros(3), np.eye(3))


def decaying_features(seed, n, d, rank):
    """Features whose directions differ in size by three orders, as those of a network do."""
    rng = np.random.default_rng(seed)
    sizes = np.exp(-np.linspace(0, 7, rank))
    return (rng.normal(size=(n, rank)) * sizes) @ rng.normal(size=(rank, d)) + 0.1 * rng.normal(size=d)


SETS = {
    "more images than features": (300, 200, 64, 64),
    "fewer images on one side": (40, 300, 64, 64),
    "fewer images on both sides": (50, 60, 64, 64),
    "features that depend on others": (300, 300, 64, 20),
    "many more features than images": (60, 50, 384, 384),
}


@pytest.mark.parametrize("case", SETS)
def test_random_sets_agree_with_clean_fid(case, monkeypatch):
    prepare_torchvision()
    from cleanfid import fid as clean_fid

    # Its call of sqrtm, in the form of any SciPy: releases from 1.18 know no 'disp'.
    root = SimpleNamespace(sqrtm=lambda a, disp=True: linalg.sqrtm(a) if disp else (linalg.sqrtm(a), 0.0))
    monkeypatch.setattr(clean_fid, "linalg", root)
    n, m, d, rank = SETS[case]
    x, y = decaying_features(1, n, d, rank), decaying_features(2, m, d, rank)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = clean_fid.fid_from_feats(x, y)
    assert expected > 1
    assert frechet_distance_of_features(x, y) == pytest.approx(expected, rel=1e-6)


def test_features_of_inception_width_agree_with_the_eigenvalues_of_small_gram_matrices():
    x, y = decaying_features(1, 60, 2048, 2048), decaying_features(2, 50, 2048, 2048)
    centred = [features - features.mean(0) for features in (x, y)]
    cross = centred[0] @ centred[1].T
    # The product of both covariances has the non-zero eigenvalues of this 60x60 matrix.
    eigenvalues = linalg.eigvalsh(cross @ cross.T) / (59 * 49)
    traces = sum(np.square(c).sum() / (len(c) - 1) for c in centred)
    gap = np.square(x.mean(0) - y.mean(0)).sum()
    expected = gap + traces - 2 * np.sqrt(eigenvalues.clip(0)).sum()
    assert frechet_distance_of_features(x, y) == pytest.approx(expected, rel=1e-7)


def test_a_scipy_whose_square_root_takes_no_disp_changes_nothing(monkeypatch):
    x, y = random_features(5, 40, 6), random_features(6, 30, 6)
    before = frechet_distance_of_features(x, y)

    def sqrtm(a):
        raise AssertionError("a matrix square root was taken")

    monkeypatch.setattr(linalg, "sqrtm", sqrtm)
    prepare_torchvision()
    from cleanfid.fid import fid_from_feats

    with pytest.raises(TypeError, match="disp"):
        fid_from_feats(x, y)
    assert frechet_distance_of_features(x, y) == before
    assert frechet_distance(*feature_statistics(x), *feature_statistics(y)) == pytest.approx(before)
