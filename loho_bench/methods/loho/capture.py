"""Iterations as CUDA graphs: recorded once, then started by one call instead of a thousand.

The kernels of an iteration are always the same, on the same shapes. At small batches a GPU finishes them
faster than Python can ask for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from loho_bench.methods.loho.optimize import Evaluation

_WARMUP = 3


class Evaluate(Protocol):
    """The signature of ``Problem.evaluate``."""

    def __call__(
        self,
        latents: Tensor,
        noise: Sequence[Tensor],
        hair_mask: Tensor | None,
        *,
        trace_gradients: bool = False,
    ) -> Evaluation: ...


class Captured:
    """Evaluates like ``evaluate``, by replaying a graph for each kind of call.

    What it returns lies in the graph's own memory: the next call of the same kind writes over it.
    """

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate
        self._graphs: dict[tuple[bool, bool], _Graph] = {}

    def __call__(
        self,
        latents: Tensor,
        noise: Sequence[Tensor],
        hair_mask: Tensor | None,
        *,
        trace_gradients: bool = False,
    ) -> Evaluation:
        """See ``Problem.evaluate``."""
        kind = (hair_mask is None, trace_gradients)
        inputs = [latents, *noise] if hair_mask is None else [latents, *noise, hair_mask]
        if kind not in self._graphs:
            count = 1 + len(noise)

            def run(copies: Sequence[Tensor]) -> Evaluation:
                mask = None if hair_mask is None else copies[-1]
                return self._evaluate(copies[0], copies[1:count], mask, trace_gradients=trace_gradients)

            self._graphs[kind] = _Graph(run, inputs)
        return self._graphs[kind].replay(inputs)


class _Graph:
    """One recorded function of tensors of fixed shapes."""

    def __init__(self, run: Callable[[Sequence[Tensor]], Evaluation], inputs: Sequence[Tensor]) -> None:
        self._inputs = [tensor.detach().clone() for tensor in inputs]
        # Libraries choose their kernels and set up their memory in the first calls, outside the recording.
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARMUP):
                run(self._inputs)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._output = run(self._inputs)

    def replay(self, inputs: Sequence[Tensor]) -> Evaluation:
        for kept, given in zip(self._inputs, inputs, strict=True):
            kept.copy_(given)
        self._graph.replay()
        return self._output
