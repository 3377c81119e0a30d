"""Rebuilds network weights from their key names, by the rules that the reference values were made with.

A tensor is drawn from ``numpy.random.default_rng([salt, crc32(key)])``, then shaped and scaled by the rule of
its family, in float64, and cast to float32. Large models need no file that way.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

Shapes = Mapping[str, tuple[int, ...]]


def shapes_of(build: Callable[[], nn.Module]) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the state dict of a network, without drawing its first weights."""
    with torch.device("meta"):
        network = build()
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def draws(key: str, shape: Iterable[int], salt: int) -> np.ndarray:
    """Return the standard normal numbers (float64) that belong to a key name and a salt."""
    return np.random.default_rng([salt, zlib.crc32(key.encode())]).standard_normal(tuple(shape))


def generic_weights(shapes: Shapes, salt: int, gain: float | Callable[[str], float]) -> dict[str, Tensor]:
    """Return a state dict by the generic rule (VGG-16, Graphonomy).

    Parameters
    ----------
    shapes : mapping of str to tuple of int
    salt : int
    gain : float or callable
        Factor of convolutions and matrices; a callable gives it for a key.
    """
    state = {}
    for key, shape in shapes.items():
        if key.endswith("num_batches_tracked"):
            state[key] = torch.zeros(tuple(shape), dtype=torch.int64)
            continue
        n = draws(key, shape, salt)
        factor = gain(key) if callable(gain) else gain
        if key.endswith("running_mean"):
            n = 0.1 * n
        elif key.endswith("running_var"):
            n = np.exp(0.2 * n)
        elif n.ndim >= 3:
            n = factor * n / np.sqrt(n[0].size)
        elif n.ndim == 2:
            n = factor * n / np.sqrt(max(n.shape))
        elif n.ndim == 1 and key.endswith("weight"):
            n = 1 + 0.2 * n
        else:
            n = 0.1 * n
        state[key] = _tensor(n)
    return state


def stylegan2_weights(shapes: Shapes, salt: int) -> dict[str, Tensor]:
    """Return a state dict by the StyleGAN2 rule, for the names of the common PyTorch layout."""
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


def graphonomy_gain(key: str, graph: float = 2.0) -> float:
    """Return the gain of a Graphonomy tensor; ``graph`` is that of the tensors of the class graphs."""
    if ".rep." in key:
        return 1.0
    if key.startswith("concat_projection_conv1"):
        return 0.1
    if key.endswith("featuremap_2_graph.weight"):
        return 0.01
    if "graph" in key:
        return graph
    return 1.0 if key.startswith("semantic") else 1.7


def config_f_channels(size: int, multiplier: int = 2) -> dict[int, int]:
    """Return the channels at each resolution that the published generators have at full width.

    Parameters
    ----------
    size : int
    multiplier : int
        2 for StyleGAN2's configuration F; it widens the resolutions from 64 on.
    """
    resolutions = [2**k for k in range(2, int(math.log2(size)) + 1)]
    return {r: 512 if r <= 32 else 256 * multiplier * 64 // r for r in resolutions}


def parse_gain(text: str | float) -> float:
    """Return a gain as ``params.json`` writes it: a number, or ``sqrt(number)``."""
    root = re.fullmatch(r"\s*sqrt\(\s*([0-9.]+)\s*\)\s*", str(text))
    return math.sqrt(float(root[1])) if root else float(text)


def checksums(state: Mapping[str, Tensor], wanted: Mapping[str, Mapping]) -> tuple[Tensor, Tensor]:
    """Return ``[T,3]`` sum, sum of magnitudes and first entry of tensors, computed and as recorded.

    Only tensors that are in ``state`` count. Sums are divided by the recorded sum of magnitudes.
    """
    names = [name for name in wanted if name in state]
    found = [(v.sum(), v.abs().sum(), v.flatten()[0]) for v in (state[n].double() for n in names)]
    recorded = [(wanted[n]["sum"], wanted[n]["abs_sum"], wanted[n]["first"]) for n in names]
    scale = torch.tensor([[max(r[1], 1.0), max(r[1], 1.0), 1.0] for r in recorded], dtype=torch.float64)
    return (
        torch.tensor(found, dtype=torch.float64) / scale,
        torch.tensor(recorded, dtype=torch.float64) / scale,
    )


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
