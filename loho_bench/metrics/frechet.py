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
        # Null directions come out of eigh as ± rounding of the largest eigenvalue; their square roots would
        # be eight orders larger than that rounding and spoil the trace.
        floor = mean.size * np.finfo(np.float64).eps * max(float(values[-1]), 0.0)
        return cls(mean, np.sqrt(np.where(values > floor, values, 0.0))[:, None] * vectors.T)

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


def _checked_features(features: np.ndarray) -> np.ndarray:
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2 or len(features) < 2:
        raise ValueError(f"a covariance needs a table of at least two rows, not shape {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("features hold values that are not finite")
    return features
