"""Kernel inception distance: how far two sets of features are apart, without the bias of FID.

The number is the squared maximum mean discrepancy under ``k(x, y) = (x·y / D + 1)³``, where a sum over pairs
of one set leaves out every picture's pair with itself. That makes it unbiased for any number of images:
between equal distributions it scatters around zero and may be negative.

Bińkowski et al., "Demystifying MMD GANs" (2018). Published numbers are usually means over random subsets,
which cost less for large sets. Their expectation is the estimate from all pairs, which is what rows hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_VALUES_AT_ONCE = 16_000_000  # of the kernel matrix: 128 MB


@dataclass(frozen=True)
class Kid:
    """An estimate and its standard error; NaN where there are too few images for it."""

    value: float
    error: float


@dataclass(frozen=True, eq=False)
class KernelSample:
    """One set of features as KID sees it, so that a reference set is worked through once.

    Attributes
    ----------
    features : float [N, D]
    own : float64 [N]
        Sum of the kernel between each row and all others.
    """

    features: np.ndarray
    own: np.ndarray

    @classmethod
    def from_features(cls, features: np.ndarray) -> KernelSample:
        """Compare all rows of ``features`` with one another; N² kernel values, a block at a time.

        Raises
        ------
        ValueError
            ``features`` is not a table of finite values.
        """
        if features.ndim != 2 or not np.isfinite(features).all():
            raise ValueError(f"expected a table of finite features, got shape {features.shape}")
        rows, _ = _kernel_sums(features, features)
        squares = np.square(features, dtype=np.float64).sum(axis=1)
        return cls(features, rows - (squares / features.shape[1] + 1) ** 3)

    def distance(self, other: KernelSample) -> Kid:
        """Return the unbiased estimate from all pairs, and its standard error over the draw of images.

        The error is the jackknife's, over the images of both sets; it needs three images in each, the
        estimate two.

        Raises
        ------
        ValueError
            The two have different numbers of features.
        """
        if self.features.shape[1] != other.features.shape[1]:
            raise ValueError(
                f"{self.features.shape[1]} features cannot be compared with {other.features.shape[1]}"
            )
        n, m = len(self.own), len(other.own)
        if min(n, m) < 2:
            return Kid(float("nan"), float("nan"))
        ours, theirs = _kernel_sums(self.features, other.features)
        within = [sample.own.sum() / (k * (k - 1)) for sample, k in ((self, n), (other, m))]
        value = float(within[0] + within[1] - 2 * ours.sum() / (n * m))
        if min(n, m) < 3:
            return Kid(value, float("nan"))
        variance = sum(
            (k - 1) * _without_each(sample.own, cross, others).var()
            for sample, k, cross, others in ((self, n, ours, m), (other, m, theirs, n))
        )
        return Kid(value, float(np.sqrt(variance)))

    def redrawn(self, other: KernelSample, counts: np.ndarray) -> np.ndarray:
        """Return the estimate for sets that hold row i of this one ``counts[r, i]`` times, ``[R]``.

        Pairs of a picture with its own repetition are left out like those with itself, so that drawing with
        repetition shifts nothing.

        Parameters
        ----------
        counts : int [R, N]
            How often each draw holds each row; a draw needs two different rows, ``other`` two of its own.
        """
        n, m = len(self.own), len(other.own)
        totals = counts.sum(axis=1)
        cross = counts @ _kernel_sums(self.features, other.features)[0] / (totals * m)
        within = np.zeros(len(counts))
        step = max(1, _VALUES_AT_ONCE // max(n, len(counts)))
        across = self.features.astype(np.float64).T / self.features.shape[1]
        for start in range(0, n, step):
            rows = slice(start, start + step)
            block = (self.features[rows].astype(np.float64) @ across + 1) ** 3
            block[np.arange(len(block)), np.arange(start, start + len(block))] = 0
            within += ((counts @ block.T) * counts[:, rows]).sum(axis=1)
        pairs = totals**2 - np.square(counts).sum(axis=1)
        return within / pairs + other.own.sum() / (m * (m - 1)) - 2 * cross


def exact_kid(generated: np.ndarray, reference: np.ndarray) -> Kid:
    """Return KID from all pairs of features ``[N, D]`` and ``[M, D]``; see :meth:`KernelSample.distance`."""
    return KernelSample.from_features(generated).distance(KernelSample.from_features(reference))


def subset_kid(
    generated: np.ndarray, reference: np.ndarray, *, seed: int, subsets: int = 100, largest: int = 1000
) -> Kid:
    """Return KID as clean-fid computes it: the mean over random subsets of both sets.

    Parameters
    ----------
    generated : float [N, D], reference : float [M, D]
    seed : int
        Below 2³². The subsets are those that clean-fid draws after ``numpy.random.seed(seed)``.
    subsets, largest : int
        How many, and of how many images at most: they hold ``min(N, M, largest)`` of each set.

    Returns
    -------
    Kid
        Its error is that of the choice of subsets alone, not of the choice of images.
    """
    size = min(len(generated), len(reference), largest)
    if size < 2:
        return Kid(float("nan"), float("nan"))
    draw = np.random.RandomState(seed)  # the generator that clean-fid uses
    values = []
    for _ in range(subsets):
        theirs = reference[draw.choice(len(reference), size, replace=False)]
        ours = generated[draw.choice(len(generated), size, replace=False)]
        values.append(exact_kid(ours, theirs).value)
    error = np.std(values, ddof=1) / np.sqrt(subsets) if subsets > 1 else np.nan
    return Kid(float(np.mean(values)), float(error))


def _kernel_sums(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return sums over rows ``[N]`` and columns ``[M]`` of the kernel matrix, in float64."""
    rows, columns = np.empty(len(first)), np.zeros(len(second))
    step = max(1, _VALUES_AT_ONCE // max(1, len(second)))
    across = second.astype(np.float64).T / second.shape[1]
    for start in range(0, len(first), step):
        block = (first[start : start + step].astype(np.float64) @ across + 1) ** 3
        rows[start : start + step] = block.sum(axis=1)
        columns += block.sum(axis=0)
    return rows, columns


def _without_each(own: np.ndarray, cross: np.ndarray, others: int) -> np.ndarray:
    """What the estimate is without each image of one set, but for the other set's part, which is constant."""
    n = len(own)
    within = (own.sum() - 2 * own) / ((n - 1) * (n - 2))
    return within - 2 * (cross.sum() - cross) / ((n - 1) * others)
