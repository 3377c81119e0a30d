"""When the losses of a tuple have stopped falling."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def is_plateau(means: Sequence[float], tolerance: float) -> bool:
    """Say whether the last window of an optimisation brought too little to go on.

    Parameters
    ----------
    means : sequence of float
        Mean losses of successive windows of equal length, the first first.
    tolerance : float
        Share, in [0, 1), of the fall since the first window that the last window must bring: a share is the
        same whatever the unit of the loss.

    Returns
    -------
    bool
        False for fewer than three windows: of two, the second brings all of the fall. A loss that is not a
        number is no plateau.
    """
    if len(means) < 3:
        return False
    return means[-2] - means[-1] < tolerance * max(means[0] - means[-1], 0.0)


class PlateauWatch:
    """Looks at the losses of several tuples at the end of every ``window`` iterations; never if that is 0."""

    def __init__(self, tuples: int, window: int, tolerance: float) -> None:
        self._window, self._tolerance = window, tolerance
        self._recent: list[Tensor] = []
        self._means: list[list[float]] = [[] for _ in range(tuples)]

    def see(self, losses: Tensor, active: Sequence[int]) -> list[int]:
        """Take the losses ``[len(active)]`` of an iteration, and give the tuples that are on a plateau.

        The device is waited for at the end of a window alone.
        """
        self._recent.append(losses)
        if len(self._recent) != self._window:
            return []
        for i, mean in zip(active, torch.stack(self._recent).mean(0).tolist(), strict=True):
            self._means[i].append(mean)
        self._recent.clear()
        return [i for i in active if is_plateau(self._means[i], self._tolerance)]
