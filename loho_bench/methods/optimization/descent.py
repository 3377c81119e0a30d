"""Adam on some of the variables of a portrait, every sample by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from loho_bench.methods.optimization.adam import Adam
from loho_bench.methods.optimization.traces import Traces

Terms = Mapping[str, Tensor]
"""Terms of a loss by name, a value ``[N]`` per sample each, without their weights."""


def descend(
    variables: Sequence[Tensor],
    terms: Callable[[Sequence[Tensor]], Terms],
    weights: Mapping[str, float],
    *,
    steps: int,
    rate: float,
    traces: Traces,
    first_step: int = 0,
) -> None:
    """Change ``variables`` in place by ``steps`` steps of Adam (0.9, 0.999, 1e-8) at one rate.

    Parameters
    ----------
    variables : sequence of Tensor
        ``[N, ...]`` each.
    terms : callable
        From stand-ins of the variables to the terms of the loss.
    weights : mapping
        The factor of every term.
    traces : Traces
        Takes the terms of every step, from row ``first_step`` on.
    """
    adam = Adam(variables)
    for step in range(steps):
        inputs = [variable.detach().requires_grad_() for variable in variables]
        values = terms(inputs)
        loss = sum(weights[name] * value.sum() for name, value in values.items())
        adam.step(torch.autograd.grad(loss, inputs), rate)
        traces.record(first_step + step, {name: value.detach() for name, value in values.items()})
