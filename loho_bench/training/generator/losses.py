"""What a generated portrait is compared with its render by."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.networks.lpips import Lpips


def reconstruction_loss(image: Tensor, target: Tensor) -> Tensor:
    """L1 at four scales and L1 of the finite differences, of images [N, 3, S, S]."""
    difference = image - target
    loss = difference.abs().mean()
    for scale in (2, 4, 8):
        loss = loss + F.avg_pool2d(difference, scale).abs().mean()
    return loss + difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()


def perceptual_loss(features: Lpips, image: Tensor, target: Tensor) -> Tensor:
    """Squared distance of unit-length features, mean over space, sum over the first four blocks."""
    with torch.no_grad():
        wanted = features.features(target)[:4]
    found = features.features(image)[:4]
    return sum((a - b).square().sum(1).mean() for a, b in zip(found, wanted, strict=True))
