"""How sure a mean is: bootstrap intervals over tuples, for one method and for two on the same tuples.

The tuple is the unit that is drawn anew, since everything measured on one tuple shares its three images.
Every result says how many tuples it rests on and how many could not be measured; a failed tuple is never a
zero. FID and KID, which are numbers of whole sets, have theirs in :mod:`loho_bench.metrics.set_statistics`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

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

    def times(self, factor: float) -> Interval:
        """Return the same in a unit that is ``factor`` times smaller."""
        ends = {name: factor * getattr(self, name) for name in ("value", "low", "high", "bias")}
        return replace(self, **ends)

    @classmethod
    def unknown(cls, n: int = 0, failed: int = 0, confidence: float = 0.95) -> Interval:
        """An estimate that the data cannot give."""
        return cls(float("nan"), float("nan"), float("nan"), n, failed, confidence)


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same tuples: the mean difference, and shares of tuples won and tied, in [0, 1]."""

    difference: Interval
    won: float
    tied: float


def bootstrap_mean(
    values: np.ndarray | pd.Series, *, seed: int, confidence: float = 0.95, resamples: int = 2000
) -> Interval:
    """Return the mean of one value a tuple, with the BCa bootstrap interval.

    Fewer than two values give no interval. Equal values give an interval of no width, also where they are
    infinite (PSNR of perfect copies). Where only some are infinite the mean is, and the interval is the
    percentile one.

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
    if n < 2 or np.isnan(value):
        return Interval(value, float("nan"), float("nan"), n, failed, confidence)
    if measured[0] == measured[-1]:
        return Interval(value, value, value, n, failed, confidence)
    ends = _bca if np.isfinite(measured).all() else _percentiles
    low, high = ends(measured, np.random.default_rng(seed), confidence, resamples)
    return Interval(value, float(low), float(high), n, failed, confidence)


def paired_difference(
    first: pd.Series, second: pd.Series, *, seed: int, confidence: float = 0.95, resamples: int = 2000
) -> Interval:
    """Return the mean of ``first - second`` over the tuples that both measured, with its BCa interval.

    Parameters
    ----------
    first, second : Series of float, indexed by tuple id
        The metric of two methods. Order does not matter; a tuple that either lacks or has as NaN counts as
        failed. Equal values, infinite ones too, differ by 0.

    Raises
    ------
    ValueError
        A tuple id occurs twice in one of them.
    """
    differences = _differences(first, second)
    return bootstrap_mean(differences, seed=seed, confidence=confidence, resamples=resamples)


def compare(
    first: pd.Series,
    second: pd.Series,
    higher_is_better: bool,
    *,
    seed: int,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> Comparison:
    """Return the paired difference of two methods and how many of their common tuples ``first`` won.

    Parameters
    ----------
    first, second : Series of float, indexed by tuple id
        See :func:`paired_difference`.

    Raises
    ------
    ValueError
        A tuple id occurs twice in one of them.
    """
    differences = _differences(first, second)
    known = differences.dropna()
    won = known > 0 if higher_is_better else known < 0
    shares = (won.mean(), (known == 0).mean()) if len(known) else (float("nan"), float("nan"))
    interval = bootstrap_mean(differences, seed=seed, confidence=confidence, resamples=resamples)
    return Comparison(interval, float(shares[0]), float(shares[1]))


def _differences(first: pd.Series, second: pd.Series) -> pd.Series:
    """``first - second`` of all tuples of either, NaN where one lacks it."""
    for series in (first, second):
        if not series.index.is_unique:
            twice = series.index[series.index.duplicated()][0]
            raise ValueError(f"tuple '{twice}' occurs twice in a paired comparison")
    tuples = first.index.union(second.index)
    first, second = first.reindex(tuples), second.reindex(tuples)
    return (first - second).mask(first == second, 0.0)


def _bca(
    values: np.ndarray, rng: np.random.Generator, confidence: float, resamples: int
) -> tuple[float, float]:
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=resamples,
        confidence_level=confidence,
        method="BCa",
        batch=max(1, _VALUES_AT_ONCE // len(values)),
        rng=rng,
    ).confidence_interval
    return found.low, found.high


def _percentiles(
    values: np.ndarray, rng: np.random.Generator, confidence: float, resamples: int
) -> tuple[float, float]:
    """Ends that are means of resamples themselves: between infinite ones nothing can be interpolated."""
    means = [rng.choice(values, len(values)).mean() for _ in range(resamples)]
    tail = (1 - confidence) / 2
    return tuple(np.quantile(means, [tail, 1 - tail], method="inverted_cdf"))
