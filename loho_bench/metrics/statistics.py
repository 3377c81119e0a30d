"""How sure a number is: bootstrap intervals over tuples, for means, paired differences and FID.

The tuple is the unit that is drawn anew, since everything measured on one tuple shares its three images.
Every result says how many tuples it rests on and how many could not be measured; a failed tuple is never a
zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from loho_bench.metrics.frechet import Gaussian

_VALUES_AT_ONCE = 2_000_000  # bounds the memory of resampling and of the jackknife (n x n) to some 50 MB


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence interval.

    Attributes
    ----------
    value, low, high : float
        The estimate and the ends of its interval; NaN where the data cannot give one.
    n, failed : int
        Tuples used, and tuples left out because a value is missing (NaN).
    confidence : float
        Nominal coverage of the interval.
    bias : float
        Mean of the resampled statistic minus the estimate, for statistics that resampling shifts; else 0.
    """

    value: float
    low: float
    high: float
    n: int
    failed: int
    confidence: float = 0.95
    bias: float = 0.0


def bootstrap_mean(
    values: np.ndarray | pd.Series, *, seed: int, confidence: float = 0.95, resamples: int = 2000
) -> Interval:
    """Return the mean of one value a tuple, with the BCa bootstrap interval.

    Fewer than two values give no interval. Equal values give an interval of no width. An infinite value
    (PSNR of a perfect copy) makes the mean infinite and leaves no interval.

    Parameters
    ----------
    values : float [N]
        One a tuple; NaN where the tuple failed.
    seed : int
        The same seed gives the same interval.

    Notes
    -----
    Bias-corrected and accelerated percentiles, Efron, "Better bootstrap confidence intervals" (1987).
    """
    values = np.asarray(values, dtype=np.float64)
    # Sorted, so that the order in which tuples were scored cannot reach the resampling.
    measured = np.sort(values[~np.isnan(values)])
    n, failed = len(measured), len(values) - len(measured)
    value = float(measured.mean()) if n else float("nan")
    if n < 2 or np.isinf(measured).any():
        return Interval(value, float("nan"), float("nan"), n, failed, confidence)
    if np.ptp(measured) == 0:
        return Interval(value, value, value, n, failed, confidence)
    low, high = stats.bootstrap(
        (measured,),
        np.mean,
        n_resamples=resamples,
        confidence_level=confidence,
        method="BCa",
        batch=max(1, _VALUES_AT_ONCE // n),
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(value, float(low), float(high), n, failed, confidence)


def paired_difference(
    first: pd.Series, second: pd.Series, *, seed: int, confidence: float = 0.95, resamples: int = 2000
) -> Interval:
    """Return the mean of ``first - second`` over the tuples that both measured, with its BCa interval.

    Parameters
    ----------
    first, second : Series of float, indexed by tuple id
        The metric of two methods. Order does not matter; a tuple that either lacks or has as NaN counts as
        failed.

    Raises
    ------
    ValueError
        A tuple id occurs twice in one of them.
    """
    for series in (first, second):
        if not series.index.is_unique:
            twice = series.index[series.index.duplicated()][0]
            raise ValueError(f"tuple '{twice}' occurs twice in a paired comparison")
    tuples = first.index.union(second.index)
    differences = first.reindex(tuples) - second.reindex(tuples)
    return bootstrap_mean(differences, seed=seed, confidence=confidence, resamples=resamples)


def bootstrap_fid(
    generated: np.ndarray,
    reference: np.ndarray,
    *,
    seed: int,
    failed: int = 0,
    confidence: float = 0.95,
    resamples: int = 500,
) -> Interval:
    """Return the FID of cached features with an interval for the draw of tuples.

    The reference set is held fixed. Drawing with replacement repeats images, which raises every resampled
    FID; that shift is measured (``bias``) and taken off, so the interval describes how far the FID *at this
    n* moves when other tuples are drawn. It does not describe the distance to the FID of infinitely many
    images.

    Parameters
    ----------
    generated : float [N, D], reference : float [M, D]
        Features, M >= 2; rows of ``generated`` are tuples. N < 2 gives NaN throughout.
    failed : int
        Tuples that gave no image; carried into the result.
    """
    target = Gaussian.from_features(reference)

    def distance(rows: np.ndarray) -> float:
        return Gaussian.from_features(generated[rows]).distance(target)

    interval = _bootstrap_rows(distance, len(generated), seed, failed, confidence, resamples)
    return replace(interval, low=max(interval.low, 0.0))


def paired_fid_difference(
    first: np.ndarray,
    second: np.ndarray,
    reference: np.ndarray,
    *,
    seed: int,
    failed: int = 0,
    confidence: float = 0.95,
    resamples: int = 500,
) -> Interval:
    """Return ``FID(first) - FID(second)`` with an interval; both are drawn anew with the same tuples.

    Parameters
    ----------
    first, second : float [N, D]
        Features of two methods; row i of both belongs to the same tuple.
    reference : float [M, D]

    Raises
    ------
    ValueError
        The two have different numbers of rows.
    """
    if len(first) != len(second):
        raise ValueError(f"a paired comparison needs the same tuples: {len(first)} and {len(second)} rows")
    target = Gaussian.from_features(reference)

    def difference(rows: np.ndarray) -> float:
        ours, theirs = Gaussian.from_features(first[rows]), Gaussian.from_features(second[rows])
        return ours.distance(target) - theirs.distance(target)

    return _bootstrap_rows(difference, len(first), seed, failed, confidence, resamples)


def _bootstrap_rows(
    statistic: Callable[[np.ndarray], float],
    n: int,
    seed: int,
    failed: int,
    confidence: float,
    resamples: int,
) -> Interval:
    """Percentile interval of a statistic of row indices, shifted back by the bootstrap's own bias."""
    if n < 2:
        return Interval(float("nan"), float("nan"), float("nan"), n, failed, confidence)
    rng = np.random.default_rng(seed)
    value = statistic(np.arange(n))
    drawn = np.array([statistic(rng.integers(n, size=n)) for _ in range(resamples)])
    bias = float(drawn.mean() - value)
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn - bias, [tail, 1 - tail])
    return Interval(value, float(low), float(high), n, failed, confidence, bias)
