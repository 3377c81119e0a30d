"""How well parser and landmark network read portraits whose labels and landmarks are exact."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from loho_bench.annotation.protocols import LandmarkDetector, Parser
from loho_bench.networks.graphonomy import FACE, HAIR
from loho_bench.training.dataset import SIZE, PortraitDataset

_AT_ONCE = 64
WORST_SHARE = 0.1


def measure_parser(parser: Parser, portraits: PortraitDataset) -> dict[str, float]:
    """Return ``parser_hair_iou`` and ``parser_face_iou``, each over all pixels of all portraits together."""
    counts: dict[int, list[np.ndarray]] = {HAIR: [], FACE: []}
    for index in batches(len(portraits)):
        found = parser.parse(portraits.batch(index)).numpy()
        for label, rows in counts.items():
            rows.append(overlap(found, portraits.labels[index], label))
    return {
        "parser_hair_iou": pooled_iou(counts[HAIR]),
        "parser_face_iou": pooled_iou(counts[FACE]),
    }


def overlap(found: np.ndarray, wanted: np.ndarray, label: int) -> np.ndarray:
    """Count the pixels in the intersection and in the union of one class: int64 [2].

    Parameters
    ----------
    found, wanted : uint8 [N, H, W]
    label : int
        Class id.
    """
    first, second = found == label, wanted == label
    return np.array([np.count_nonzero(first & second), np.count_nonzero(first | second)])


def pooled_iou(counts: Iterable[np.ndarray]) -> float:
    """Return the IoU of everything that :func:`overlap` counted; 1 where the class is nowhere."""
    both, either = np.sum(list(counts), axis=0)
    return float(both / either) if either else 1.0


def measure_landmarks(detector: LandmarkDetector, portraits: PortraitDataset) -> dict[str, float]:
    """Measure a landmark detector, hidden points included, in pixels of the 128-pixel frame.

    Returns
    -------
    dict
        A portrait's error is the mean distance over its 68 points. ``landmark_error_px`` is its mean over
        portraits; ``landmark_error_p90_px`` its 90th percentile: the worst tenth of the portraits lies
        above; ``landmark_error_worst_tenth_px`` the mean over that tenth.
    """
    errors = [
        (detector.detect(portraits.batch(index)) - torch.from_numpy(portraits.landmarks[index])).norm(dim=-1)
        for index in batches(len(portraits))
    ]
    return landmark_figures(SIZE * torch.cat(errors).numpy())


def landmark_figures(errors: np.ndarray) -> dict[str, float]:
    """Summarise distances ``errors`` [N, 68]; see :func:`measure_landmarks`."""
    by_portrait = np.sort(errors.mean(axis=1))
    worst = by_portrait[-max(1, round(WORST_SHARE * len(by_portrait))) :]
    return {
        "landmark_error_px": float(by_portrait.mean()),
        "landmark_error_p90_px": float(np.quantile(by_portrait, 1 - WORST_SHARE)),
        "landmark_error_worst_tenth_px": float(worst.mean()),
    }


def batches(count: int, size: int = _AT_ONCE) -> list[np.ndarray]:
    """Return the indices 0 to ``count`` - 1 in arrays of at most ``size``."""
    return [np.arange(start, min(start + size, count)) for start in range(0, count, size)]
