"""What is made of weights before every use, made only once while they are frozen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Prepared(Generic[T]):
    """Keeps the outcome for one weight; a change of the weight, its device or the dtype makes it anew."""

    def __init__(self) -> None:
        self._kept: tuple[tuple, T] | None = None

    def get(self, weight: Tensor, dtype: torch.dtype, make: Callable[[], T]) -> T:
        """Return ``make()``, or what it returned before; of a weight that is trained nothing is kept."""
        if weight.requires_grad:
            return make()
        version = (dtype, weight.device, weight.data_ptr(), weight._version)
        if self._kept is None or self._kept[0] != version:
            self._kept = (version, make())
        return self._kept[1]
