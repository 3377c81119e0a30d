"""The noise that MichiGAN puts where something has to be invented."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

MEAN, DEVIATION = 0.5, 0.25
"""Of the normal distribution that every octave is drawn from."""
SMALLEST = 8
"""Side of the coarsest octave, at least."""


def octave_noise(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Draw the mean of several octaves: normal noise at the full size, the half, the quarter, ..., enlarged.

    Parameters
    ----------
    count : int
    size : int
        8 at least.
    generator : torch.Generator

    Returns
    -------
    Tensor [count, 3, size, size] float32
        Mean about 0.5; every image has its own draws.
    """
    sides = [size]
    while sides[-1] // 2 >= SMALLEST:
        sides.append(sides[-1] // 2)
    total = torch.zeros(count, 3, size, size)
    for side in sides:
        octave = MEAN + DEVIATION * torch.randn(count, 3, side, side, generator=generator)
        total += F.interpolate(octave, size=(size, size), mode="bilinear", align_corners=False)
    return total / len(sides)
