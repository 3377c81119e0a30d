"""Binary masks: storage as bits, sizes, and the morphology that LOHO's losses need.

Dilation and erosion are ``iterations`` rounds of the 3x3 cross, as SciPy does them: any value but 0
counts as set, erosion takes the outside of the frame for unset, dilation adds nothing from outside.
They are torch operations, so that a batch stays on its device.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

REFERENCE_SIZE = 256
"""Width in pixels of the frame in which the paper's margins are given."""


def pack_bits(mask: np.ndarray) -> bytes:
    """Pack a mask ``[H, W] bool`` into bytes, row by row, the most significant bit first."""
    return np.packbits(np.asarray(mask, dtype=bool), axis=-1).tobytes()


def unpack_bits(packed: bytes, height: int, width: int | None = None) -> np.ndarray:
    """Undo :func:`pack_bits`; give ``[height, width] bool`` (square when ``width`` is left out).

    Raises
    ------
    ValueError
        When ``packed`` has not the length that the size asks for.
    """
    width = height if width is None else width
    row_bytes = -(-width // 8)
    if len(packed) != height * row_bytes:
        raise ValueError(f"{len(packed)} bytes cannot be a mask of {height}x{width} pixels")
    rows = np.frombuffer(packed, dtype=np.uint8).reshape(height, row_bytes)
    return np.unpackbits(rows, axis=-1, count=width).astype(bool)


def resize_mask(mask: np.ndarray, size: int) -> np.ndarray:
    """Bring a mask ``[H, W] bool`` to ``[size, size] bool``: set where at least half of the area is."""
    if size > min(mask.shape):
        grey = torch.from_numpy(mask).float()[None, None]
        return F.interpolate(grey, size=(size, size), mode="nearest")[0, 0].numpy() > 0
    return F.adaptive_avg_pool2d(torch.from_numpy(mask).float()[None], size)[0].numpy() >= 0.5


def scaled_pixels(pixels: float, size: int) -> int:
    """Bring a length in pixels of a 256-pixel frame to a frame of ``size`` pixels, at least 1."""
    return max(1, round(pixels * size / REFERENCE_SIZE))


def dilate(mask: Tensor, iterations: int) -> Tensor:
    """Grow a mask ``[N,1,H,W]`` by a diamond of radius ``iterations`` pixels; the result is 0 or 1."""
    grown = (mask != 0).float()
    for _ in range(iterations):
        grown = _largest_in_cross(grown)
    return grown


def erode(mask: Tensor, iterations: int) -> Tensor:
    """Shrink a mask ``[N,1,H,W]`` by a diamond of radius ``iterations`` pixels; the result is 0 or 1."""
    unset = (mask == 0).float()
    for _ in range(iterations):
        # The frame of ones is the unset outside, which eats into a mask that touches the border.
        unset = _largest_in_cross(F.pad(unset, (1, 1, 1, 1), value=1.0))[..., 1:-1, 1:-1]
    return 1 - unset


def iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union per sample, ``[N]``, of masks ``[N,1,H,W]`` cut at one half.

    Two empty masks agree: their value is 1.
    """
    a, b = first > 0.5, second > 0.5
    intersection = (a & b).flatten(1).sum(1)
    union = (a | b).flatten(1).sum(1)
    return torch.where(union == 0, 1.0, intersection / union.clamp(min=1))


def _largest_in_cross(values: Tensor) -> Tensor:
    vertical = F.max_pool2d(values, (3, 1), stride=1, padding=(1, 0))
    horizontal = F.max_pool2d(values, (1, 3), stride=1, padding=(0, 1))
    return torch.maximum(vertical, horizontal)
