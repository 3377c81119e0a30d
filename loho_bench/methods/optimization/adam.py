"""Adam on variables whose first dimension is the tuple: every tuple for itself, with a rate of its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


class Adam:
    """Kingma and Ba's Adam (0.9, 0.999, 1e-8), in place and without waiting for the device.

    Parameters
    ----------
    variables : sequence of Tensor
        ``[N, ...]`` each; they are changed by :meth:`step`.
    """

    def __init__(self, variables: Sequence[Tensor]) -> None:
        self.variables = list(variables)
        self._steps = 0
        self._means = [torch.zeros_like(variable) for variable in variables]
        self._squares = [torch.zeros_like(variable) for variable in variables]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], rate: float | Tensor) -> None:
        """Go one step along ``gradients``; ``rate`` is one number, or ``[N]``, one for every tuple."""
        self._steps += 1
        gradients = list(gradients)
        torch._foreach_lerp_(self._means, gradients, 1 - _BETA_1)
        torch._foreach_mul_(self._squares, _BETA_2)
        torch._foreach_addcmul_(self._squares, gradients, gradients, 1 - _BETA_2)
        scales = torch._foreach_sqrt(self._squares)
        torch._foreach_div_(scales, (1 - _BETA_2**self._steps) ** 0.5)
        torch._foreach_add_(scales, _EPSILON)
        changes = torch._foreach_div(self._means, scales)
        correction = 1 - _BETA_1**self._steps
        if isinstance(rate, Tensor):
            by_tuple = (rate / correction).to(self.variables[0].device)
            for change in changes:
                change.mul_(by_tuple.view(-1, *[1] * (change.ndim - 1)))
        else:
            torch._foreach_mul_(changes, rate / correction)
        torch._foreach_sub_(self.variables, changes)

    def select(self, rows: Tensor) -> Adam:
        """Give the descent of some tuples, by their indices: their variables and all that Adam remembers."""
        chosen = Adam([variable[rows] for variable in self.variables])
        chosen._steps = self._steps
        chosen._means = [mean[rows] for mean in self._means]
        chosen._squares = [square[rows] for square in self._squares]
        return chosen
