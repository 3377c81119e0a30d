"""Fréchet distance beside clean-fid's and beside three ways to write its formula."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from loho_bench.metrics.frechet import frechet_distance, frechet_distance_of_features
from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.image_scores import VALUES
from loho_bench.parity.reference import Reference

SECTION = None
FEATURES = "metrics_frechet.npz"
REGULAR, SINGULAR = 1e-11, 1e-6
_SMALLEST_SHARE = 1e-8  # of the largest eigenvalue; a smaller one is rounding to its square root
_MOMENTS = ("mu1", "sigma1", "mu2", "sigma2")


def files(reference: Reference) -> list[str]:
    """Return the files that the folder should have for this component."""
    return [FEATURES, VALUES] if reference.has(FEATURES) else []


def compare(reference: Reference) -> Iterator[Comparison]:
    """Compare every case from its moments and from its features.

    A distance is the rest that two large traces leave, so differences are counted in units of these. Where a
    covariance lacks rank, square roots of null eigenvalues leave 1e-6 in the reference itself.
    """
    check, stored = Checks("frechet"), reference.arrays(FEATURES)
    for case, oracles in reference.values(VALUES)["frechet"].items():
        moments = [stored[f"{case}.{name}"] for name in _MOMENTS]
        scale = float(np.trace(moments[1]) + np.trace(moments[3]))
        lacking = any(_lacks_rank(covariance) for covariance in moments[1::2])
        tolerance = SINGULAR if lacking else REGULAR
        note = "in units of the traces" + ("; a covariance lacks rank" if lacking else "")
        both = {
            "moments": frechet_distance(*moments),
            "features": frechet_distance_of_features(stored[f"{case}.x"], stored[f"{case}.y"]),
        }
        for source, value in both.items():
            yield check.worst(
                f"{case}, from {source}",
                (
                    check.scaled(oracle, value, wanted, scale, tolerance, note)
                    for oracle, wanted in oracles.items()
                ),
            )


def _lacks_rank(covariance: np.ndarray) -> bool:
    values = np.linalg.eigvalsh(covariance)
    return bool(values[0] < _SMALLEST_SHARE * values[-1])
