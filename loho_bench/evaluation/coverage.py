"""Do two sets of portraits show the same variety? Attributes as parser and landmark network read them."""

from __future__ import annotations

import numpy as np
from scipy.stats import wasserstein_distance

from loho_bench.annotation.protocols import LandmarkDetector, Parser
from loho_bench.evaluation.annotators import batches
from loho_bench.metrics.hair_colour import mean_colour
from loho_bench.networks.graphonomy import FACE, HAIR
from loho_bench.portraits.images import to_tensor

_LOWEST_SHARE = 0.98
_NOSE_TIP, _CHIN, _JAW, _EYES = 30, 8, (0, 16), slice(36, 48)


def read_attributes(
    images: np.ndarray, parser: Parser, detector: LandmarkDetector
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Read what portraits look like.

    Parameters
    ----------
    images : uint8 [N, S, S, 3] RGB

    Returns
    -------
    (dict of float64 [N], uint8 [N, S, S])
        The parser's labels, and by name:

        - ``hair_length``: the row above which 98 % of the hair lie, a fraction of the frame; 0 without hair;
        - ``hair_area``: share of the frame;
        - ``hair_lightness``, ``hair_warmth``, ``skin_lightness``, ``skin_warmth``: mean of R, G and B, and
          R - B, of 255; NaN where there is no such pixel;
        - ``yaw``: how far the tip of the nose is from the middle between the ends of the jaw, as a fraction
          of their distance;
        - ``pitch``: how far down it is from the eyes to the chin, as a fraction.
    """
    labels, rows = [], []
    for index in batches(len(images)):
        tensor = to_tensor(images[index])
        parsed, points = parser.parse(tensor).numpy(), detector.detect(tensor).double().numpy()
        labels.append(parsed)
        rows += [_read(*portrait) for portrait in zip(images[index], parsed, points, strict=True)]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}, np.concatenate(labels)


def compare_attributes(
    found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]
) -> dict[str, dict[str, float | None]]:
    """Compare two sets of portraits attribute by attribute; portraits that lack one (NaN) are left out.

    Returns
    -------
    dict
        ``sample_coverage``: by attribute, the Wasserstein distance of the two histograms in units of the
        deviation among ``wanted``; 0 for equal ones, 1 for a shift by one deviation. ``sample_spread``: the
        deviation among ``found`` in these units. None where a set does not show the attribute.
    """
    coverage: dict[str, float | None] = {}
    spread: dict[str, float | None] = {}
    for name in wanted:
        ours, theirs = (values[name][~np.isnan(values[name])] for values in (found, wanted))
        deviation = theirs.std() if len(theirs) else 0.0
        comparable = len(ours) > 0 and deviation > 0
        coverage[name] = float(wasserstein_distance(ours, theirs) / deviation) if comparable else None
        spread[name] = float(ours.std() / deviation) if comparable else None
    return {"sample_coverage": coverage, "sample_spread": spread}


def _read(image: np.ndarray, labels: np.ndarray, points: np.ndarray) -> dict[str, float]:
    hair = labels == HAIR
    hair_colour, skin_colour = mean_colour(image, hair), mean_colour(image, labels == FACE)
    left, right = points[_JAW[0]], points[_JAW[1]]
    nose, chin, eyes = points[_NOSE_TIP], points[_CHIN], points[_EYES].mean(axis=0)
    return {
        "hair_length": _lowest(hair),
        "hair_area": float(hair.mean()),
        "hair_lightness": float(hair_colour.mean()),
        "hair_warmth": float(hair_colour[0] - hair_colour[2]),
        "skin_lightness": float(skin_colour.mean()),
        "skin_warmth": float(skin_colour[0] - skin_colour[2]),
        "yaw": _fraction(nose[0] - (left[0] + right[0]) / 2, right[0] - left[0]),
        "pitch": _fraction(nose[1] - eyes[1], chin[1] - eyes[1]),
    }


def _lowest(hair: np.ndarray) -> float:
    below = np.cumsum(hair.sum(axis=1))
    if not below[-1]:
        return 0.0
    return (int(np.searchsorted(below, _LOWEST_SHARE * below[-1])) + 1) / len(hair)


def _fraction(part: float, whole: float) -> float:
    """Return ``part / whole``; NaN where the points are turned round, which no face shows."""
    return float(part / whole) if whole > 0 else float("nan")
