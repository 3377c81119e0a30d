"""How sure a distance between sets is: bootstrap intervals over tuples for FID and KID.

The reference set is held fixed; what is drawn anew are the tuples. Intervals therefore say how far a number
*at this n* moves when other tuples are drawn, not how far it is from that of infinitely many images.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loho_bench.metrics.frechet import Gaussian, RedrawnDistance
from loho_bench.metrics.kid import KernelSample
from loho_bench.metrics.statistics import Interval


def bootstrap_fid(
    generated: np.ndarray,
    reference: np.ndarray | Gaussian,
    *,
    seed: int,
    failed: int = 0,
    confidence: float = 0.95,
    resamples: int = 500,
) -> Interval:
    """Return the FID of cached features with an interval for the draw of tuples.

    Drawing with replacement repeats images, which raises every resampled FID; that shift is measured
    (``bias``) and taken off.

    Parameters
    ----------
    generated : float [N, D]
        Features; rows are tuples. N < 2 gives NaN throughout.
    reference : float [M, D] or Gaussian
        Features, M >= 2, or what was fitted to them.
    failed : int
        Tuples that gave no image; carried into the result.
    """
    n = len(generated)
    if n < 2:
        return Interval.unknown(n, failed, confidence)
    target = _fitted(reference)
    redrawn = RedrawnDistance(generated, target)
    value = Gaussian.from_features(generated).distance(target)
    drawn = np.array([redrawn(counts) for counts in _draws(n, seed, resamples)])
    interval = _interval(value, drawn, n, failed, confidence)
    return replace(interval, low=max(interval.low, 0.0))


def paired_fid_difference(
    first: np.ndarray,
    second: np.ndarray,
    reference: np.ndarray | Gaussian,
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
    reference : float [M, D] or Gaussian

    Raises
    ------
    ValueError
        The two have different numbers of rows.
    """
    if len(first) != len(second):
        raise ValueError(f"a paired comparison needs the same tuples: {len(first)} and {len(second)} rows")
    n = len(first)
    if n < 2:
        return Interval.unknown(n, failed, confidence)
    target = _fitted(reference)
    ours, theirs = RedrawnDistance(first, target), RedrawnDistance(second, target)
    value = Gaussian.from_features(first).distance(target) - Gaussian.from_features(second).distance(target)
    drawn = np.array([ours(counts) - theirs(counts) for counts in _draws(n, seed, resamples)])
    return _interval(value, drawn, n, failed, confidence)


def bootstrap_kid(
    generated: KernelSample,
    reference: KernelSample,
    *,
    seed: int,
    failed: int = 0,
    confidence: float = 0.95,
    resamples: int = 500,
) -> Interval:
    """Return KID with an interval for the draw of tuples; fewer than three images on a side give none."""
    n = len(generated.own)
    value = generated.distance(reference).value
    if min(n, len(reference.own)) < 3:
        return replace(Interval.unknown(n, failed, confidence), value=value)
    # A draw of one picture alone has no pairs; it is as good as impossible but for very few images.
    counts = [draw for draw in _draws(n, seed, resamples) if np.count_nonzero(draw) > 1]
    return _interval(value, generated.redrawn(reference, np.array(counts)), n, failed, confidence)


def _fitted(reference: np.ndarray | Gaussian) -> Gaussian:
    return reference if isinstance(reference, Gaussian) else Gaussian.from_features(reference)


def _draws(n: int, seed: int, resamples: int) -> list[np.ndarray]:
    """How often each of ``n`` tuples is drawn, a vector a resample."""
    rng = np.random.default_rng(seed)
    return [np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(resamples)]


def _interval(value: float, drawn: np.ndarray, n: int, failed: int, confidence: float) -> Interval:
    """Percentile interval, shifted back by the bootstrap's own bias."""
    bias = float(drawn.mean() - value)
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn - bias, [tail, 1 - tail])
    return Interval(value, float(low), float(high), n, failed, confidence, bias)
