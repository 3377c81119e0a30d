"""Where a gradient hangs on the last bit: activations beside the kink of a ReLU, ties of a maximum.

Two float32 evaluations of one function may then choose different slopes, and everything before that point
differs, by far more than rounding. Such a gradient is evaluated again with its inputs moved by some units in
their last place: a right gradient meets the reference, within the usual tolerance, on one side of the kink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from loho_bench.parity.comparison import Comparison

_UNIT = 2.0**-23
_NUDGES = (0, 1, 2, 4, 8)
_LIMIT = 1e-2
"""A gradient further out than this is wrong, whatever the kinks."""

Value = TypeVar("Value")


def nudged(values: Sequence[Tensor], attempt: int) -> list[Tensor]:
    """Return copies of float32 tensors, in attempts after the first moved by units in their last place."""
    draw = torch.Generator().manual_seed(attempt)
    scale = _NUDGES[attempt] * _UNIT
    return [
        value * (1 + scale * torch.randn(value.shape, generator=draw)) if scale else value.clone()
        for value in values
    ]


def compare_nudged(compare: Callable[[Value], Comparison], evaluate: Callable[[int], Value]) -> Comparison:
    """Compare ``evaluate(0)``, and where a kink may be to blame ``evaluate(1)`` to ``evaluate(4)``.

    ``evaluate`` gets the attempt, for :func:`nudged`; the first attempt that agrees counts, and the note says
    so.
    """
    plain = compare(evaluate(0))
    if plain.ok or not plain.relative < _LIMIT:
        return plain
    for attempt in range(1, len(_NUDGES)):
        again = compare(evaluate(attempt))
        if again.ok:
            told = (
                f"inputs moved by {_NUDGES[attempt]} in the last place, off a ReLU's kink "
                f"({plain.relative:.1e} as they are)"
            )
            return replace(again, note=f"{again.note}; {told}" if again.note else told)
    return plain
