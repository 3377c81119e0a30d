"""Feature maps as rows of pixels, [N, H*W, C], and sums over them.

Channels last, this is how maps lie in memory: a factor a channel, or a sum over the frame, is one pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_BLOCK = 256
_CACHED = 2**16


def pixels(maps: Tensor) -> Tensor:
    """[N, C, H, W] as [N, H*W, C]: a view where the maps are channels last."""
    n, channels, height, width = maps.shape
    return maps.permute(0, 2, 3, 1).reshape(n, height * width, channels)


def maps_of(pixels: Tensor, height: int) -> Tensor:
    """[N, H*W, C] as channels-last maps [N, C, H, W]."""
    n, count, channels = pixels.shape
    return pixels.reshape(n, height, count // height, channels).permute(0, 3, 1, 2)


def weighted_sums(weights: Tensor, pixels: Tensor) -> Tensor:
    """weights [N, K, P] times pixels [N, P, C] -> [N, K, C], K being small; float32 or wider.

    Processors multiply such flat matrices several times faster block by block.
    """
    n, k, count = weights.shape
    if count % _BLOCK or not pixels.is_cpu:
        return torch.bmm(weights, pixels).to(accurate(pixels))
    channels, parts = pixels.shape[2], count // _BLOCK
    blocks = pixels.reshape(n * parts, _BLOCK, channels)
    factors = weights.reshape(n, k, parts, _BLOCK).transpose(1, 2).reshape(n * parts, k, _BLOCK)
    return torch.bmm(factors, blocks).reshape(n, parts, k, channels).sum(1, dtype=accurate(pixels))


def sums_of_products(a: Tensor, b: Tensor) -> Tensor:
    """Sum of a * b over the pixels, [N, P, C] twice -> [N, C]; float32 or wider."""
    if not a.is_cpu:
        return (a * b).sum(1, dtype=accurate(a))
    # A product that fits into the cache never goes to the memory. Its parts depend on no other sample.
    rows = max(1, _CACHED // a.shape[2])
    parts = zip(a.split(rows, 1), b.split(rows, 1), strict=True)
    return torch.stack([(x * y).sum(1) for x, y in parts]).sum(0, dtype=accurate(a))


def accurate(like: Tensor) -> torch.dtype:
    """The dtype to add up in: float32, or that of ``like`` where it is wider."""
    return torch.promote_types(like.dtype, torch.float32)


class _SelfProduct(torch.autograd.Function):
    """Differentiated by one product instead of one for either factor."""

    @staticmethod
    def forward(rows: Tensor) -> Tensor:
        return weighted_sums(rows.transpose(1, 2), rows)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (rows,) = ctx.saved_tensors
        return torch.bmm(rows, (gradient + gradient.transpose(1, 2)).to(rows.dtype))


def self_product(rows: Tensor) -> Tensor:
    """Products of all channels, summed over the pixels: [N, P, C] -> [N, C, C]; once differentiable."""
    return _SelfProduct.apply(rows)
