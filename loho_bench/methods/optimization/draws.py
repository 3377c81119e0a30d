"""Random numbers of an optimisation, which depend on the tuple and not on its company."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Draws(Protocol):
    """Where the random numbers of an optimisation come from."""

    def normal(self, *shape: int) -> Tensor:
        """Give standard normal numbers ``[N, *shape]`` on the problem's device, one draw per sample."""
        ...


class SeededDraws:
    """Normal numbers on ``device``: a generator per sample, so that a batch draws what its members do."""

    def __init__(self, seeds: Sequence[int], device: torch.device) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._device = device

    def normal(self, *shape: int) -> Tensor:
        """Give ``[N, *shape]``, the same on every device since it is drawn on the host."""
        drawn = torch.stack([torch.randn(shape, generator=g) for g in self._generators])
        if self._device.type == "cuda":
            drawn = drawn.pin_memory()
        return drawn.to(self._device, non_blocking=True)
