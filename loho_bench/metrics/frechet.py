"""Fréchet distance between two Gaussians, in a form that does not mind covariances without full rank.

``d² = ‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁ Σ₂)^½``

The last trace is the awkward one: a general matrix square root of ``Σ₁ Σ₂`` turns complex or stops
converging when there are fewer images than features. With any factors ``Σ₁ = F₁ᵀ F₁``, ``Σ₂ = F₂ᵀ F₂`` the
eigenvalues of ``Σ₁ Σ₂`` are the squared singular values of ``F₁ F₂ᵀ``, so the trace is the sum of these
singular values: real, non-negative and symmetric in the two sets. For few images the centred features
themselves are the factor, and no covariance is formed at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def feature_statistics(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean ``[D]`` and unbiased covariance ``[D, D]`` (float64) of features ``[N, D]``, N >= 2.

    Raises
    ------
    ValueError
        ``features`` is not a table of at least two finite rows.
    """
    features = _checked_features(features)
    return features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False))


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Mean ``[D]`` and a factor ``F`` ``[K, D]`` of the covariance, ``FᵀF = Σ`` (both float64)."""

    mean: np.ndarray
    factor: np.ndarray

    @classmethod
    def from_moments(cls, mean: np.ndarray, covariance: np.ndarray) -> Gaussian:
        """Take a mean ``[D]`` and a symmetric positive semi-definite covariance ``[D, D]``.

        Raises
        ------
        ValueError
            The shapes do not belong together or the covariance is not symmetric.
        """
        mean = np.atleast_1d(np.asarray(mean, dtype=np.float64))
        covariance = np.atleast_2d(np.asarray(covariance, dtype=np.float64))
        if covariance.shape != (mean.size, mean.size):
            raise ValueError(
                f"a mean of {mean.size} values needs a square covariance, not {covariance.shape}"
            )
        if not np.allclose(covariance, covariance.T, rtol=1e-6, atol=1e-10 * np.abs(covariance).max()):
            raise ValueError("the covariance is not symmetric")
        values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
        return cls(mean, _roots(values)[:, None] * vectors.T)

    @classmethod
    def from_features(cls, features: np.ndarray) -> Gaussian:
        """Fit to features ``[N, D]``, N >= 2, with the unbiased covariance."""
        features = _checked_features(features)
        if len(features) > features.shape[1]:
            return cls.from_moments(*feature_statistics(features))
        mean = features.mean(axis=0)
        return cls(mean, (features - mean) / np.sqrt(len(features) - 1))

    def distance(self, other: Gaussian) -> float:
        """Return the squared Fréchet distance to ``other``; negative rounding is returned as 0.

        Raises
        ------
        ValueError
            The two have different numbers of features.
        """
        if self.mean.shape != other.mean.shape:
            raise ValueError(f"{self.mean.size} features cannot be compared with {other.mean.size}")
        cross = np.linalg.svd(self.factor @ other.factor.T, compute_uv=False).sum()
        traces = np.square(self.factor).sum() + np.square(other.factor).sum()
        return max(float(np.square(self.mean - other.mean).sum() + traces - 2 * cross), 0.0)


def frechet_distance(mu1: np.ndarray, cov1: np.ndarray, mu2: np.ndarray, cov2: np.ndarray) -> float:
    """Return the squared Fréchet distance between ``N(mu1, cov1)`` and ``N(mu2, cov2)``.

    Parameters
    ----------
    mu1, mu2 : array [D]
    cov1, cov2 : array [D, D]
        Symmetric, positive semi-definite; any rank.

    Raises
    ------
    ValueError
        Shapes do not belong together, or a covariance is not symmetric.

    Notes
    -----
    Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium" (2017),
    eq. 6; the number called FID when the moments are those of image features.
    """
    return Gaussian.from_moments(mu1, cov1).distance(Gaussian.from_moments(mu2, cov2))


def frechet_distance_of_features(features1: np.ndarray, features2: np.ndarray) -> float:
    """Return the squared Fréchet distance of Gaussians fitted to ``[N, D]`` and ``[M, D]``; N, M >= 2."""
    return Gaussian.from_features(features1).distance(Gaussian.from_features(features2))


class RedrawnDistance:
    """Distances to one Gaussian of sets drawn anew, with repetition, from the same features.

    What every draw shares is worked out once: products of the features with the factor of the Gaussian and,
    for no more images than that factor has rows, the Gram matrix of these products. The singular values of a
    draw are then roots of the eigenvalues of a small symmetric matrix: ``[n, n]`` or ``[K, K]``, whichever is
    smaller, instead of those of ``[n, K]``.

    Parameters
    ----------
    features : float [N, D]
    target : Gaussian
        Of D features, with a factor of K rows.
    """

    def __init__(self, features: np.ndarray, target: Gaussian):
        features = _checked_features(features)
        centre = features.mean(axis=0)  # near the mean of every draw: no digits are lost in differences
        self._rows, self._target_mean = features - centre, target.mean - centre
        self._squares = np.square(self._rows).sum(axis=1)
        self._target_trace = np.square(target.factor).sum()
        self._products = self._rows @ target.factor.T
        small = len(features) <= len(target.factor)
        self._gram = self._products @ self._products.T if small else None

    def __call__(self, counts: np.ndarray) -> float:
        """Return the squared Fréchet distance of the set with row i ``counts[i]`` times, int ``[N]``."""
        total = counts.sum()
        mean = counts @ self._rows / total
        trace = (counts @ self._squares - total * np.square(mean).sum()) / (total - 1)
        eigenvalues = np.linalg.eigvalsh(self._scatter(counts, total)) / (total - 1)
        gap = np.square(mean - self._target_mean).sum()
        return max(float(gap + trace + self._target_trace - 2 * _roots(eigenvalues).sum()), 0.0)

    def _scatter(self, counts: np.ndarray, total: int) -> np.ndarray:
        """Matrix whose eigenvalues are the squared singular values, times ``total - 1``."""
        drawn = np.flatnonzero(counts)
        roots = np.sqrt(counts[drawn])
        if self._gram is None:
            mean = counts @ self._products / total
            weighted = roots[:, None] * (self._products[drawn] - mean)
            return weighted.T @ weighted
        to_mean = self._gram @ counts / total
        centred = self._gram[np.ix_(drawn, drawn)] - to_mean[drawn] - to_mean[drawn, None]
        return (centred + counts @ to_mean / total) * roots * roots[:, None]


def _roots(eigenvalues: np.ndarray) -> np.ndarray:
    """Square roots of the ascending eigenvalues of a positive semi-definite matrix.

    Null directions come out as ± rounding of the largest eigenvalue; their square roots would be eight orders
    larger than that rounding and spoil a trace.
    """
    floor = eigenvalues.size * np.finfo(np.float64).eps * max(float(eigenvalues[-1]), 0.0)
    return np.sqrt(np.where(eigenvalues > floor, eigenvalues, 0.0))


def _checked_features(features: np.ndarray) -> np.ndarray:
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2 or len(features) < 2:
        raise ValueError(f"a covariance needs a table of at least two rows, not shape {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("features hold values that are not finite")
    return features
