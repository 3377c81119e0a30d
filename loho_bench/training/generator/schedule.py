"""The growing: resolutions, batch sizes and learning rates over the steps of the regression."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_WARM_UP = 100  # steps
_CONSTANT_SHARE = 0.6
_LAST_FRACTION = 0.02


@dataclass(frozen=True)
class Phase:
    """One resolution of the growing: ``share`` of all steps, batch size and learning rate."""

    resolution: int
    share: float
    batch: int
    learning_rate: float


PHASES = (Phase(32, 2 / 15, 16, 2.4e-2), Phase(64, 4 / 15, 14, 1.0e-2), Phase(128, 9 / 15, 12, 6e-3))


def phase_at(step: int, steps: int, phases: tuple[Phase, ...]) -> Phase:
    """Return the phase of a step (from 0) among ``steps``; the last one from then on."""
    bounds = np.rint(np.cumsum([phase.share for phase in phases]) * steps)
    return phases[min(int(np.searchsorted(bounds, step, side="right")), len(phases) - 1)]


def learning_rate(phase: Phase, step: int, steps: int) -> float:
    """Return the rate of a step: a warm-up, a constant, and from 60 % of the steps on half a cosine."""
    warm_up = min(1.0, (step + 1) / _WARM_UP)
    falling = min(1.0, max(0.0, step / steps - _CONSTANT_SHARE) / (1 - _CONSTANT_SHARE))
    decay = 0.5 * (1 + _LAST_FRACTION) + 0.5 * (1 - _LAST_FRACTION) * math.cos(math.pi * falling)
    return phase.learning_rate * warm_up * decay
