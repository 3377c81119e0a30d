"""Rebuilds network weights from their key names, by the rules that the reference values were made with."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor


def draws(key: str, shape: Iterable[int], salt: int) -> np.ndarray:
    """Standard normal numbers (float64) that belong to a key name and a salt."""
    return np.random.default_rng([salt, zlib.crc32(key.encode())]).standard_normal(tuple(shape))


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def generic_weights(shapes: dict[str, tuple[int, ...]], salt: int, gain: float) -> dict[str, Tensor]:
    """State dict by the generic rule (VGG-16, Graphonomy, MichiGAN)."""
    state = {}
    for key, shape in shapes.items():
        if key.endswith("num_batches_tracked"):
            state[key] = torch.zeros(tuple(shape), dtype=torch.int64)
            continue
        n = draws(key, shape, salt)
        if key.endswith("running_mean"):
            n = 0.1 * n
        elif key.endswith("running_var"):
            n = np.exp(0.2 * n)
        elif n.ndim >= 3:
            n = gain * n / np.sqrt(n[0].size)
        elif n.ndim == 2:
            n = gain * n / np.sqrt(max(n.shape))
        elif n.ndim == 1 and key.endswith("weight"):
            n = 1 + 0.2 * n
        else:
            n = 0.1 * n
        state[key] = _tensor(n)
    return state


def stylegan2_weights(shapes: dict[str, tuple[int, ...]], salt: int) -> dict[str, Tensor]:
    """State dict by the StyleGAN2 rule."""
    state = {}
    for key, shape in shapes.items():
        if key.endswith("kernel"):
            taps = np.array([1.0, 3.0, 3.0, 1.0])
            kernel = np.outer(taps, taps) / 64
            state[key] = _tensor(kernel * 4)  # a generator has upsampling blurs only
            continue
        n = draws(key, shape, salt).astype(np.float32)
        if key.startswith("style."):
            n = n / np.float32(0.01) if key.endswith("weight") else n * np.float32(10)
        elif key.endswith("modulation.bias"):
            n = 1 + np.float32(0.25) * n
        elif key.endswith("noise.weight"):
            n = np.float32(0.3) * n
        elif key.endswith("bias"):
            n = np.float32(0.2) * n
        state[key] = _tensor(n)
    return state
