"""LPIPS heads from two-alternative judgements with a known answer.

A portrait is changed twice in the same way, once more strongly; the distance has to call the stronger
change the larger one. This replaces the human judgements behind the published heads.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.networks.lpips import Lpips
from loho_bench.training.dataset import PortraitDataset

_BATCH = 16
_STEPS = 300
# Distances between unrelated portraits are scaled to this mean, near that of the published heads.
_MEAN_DISTANCE = 0.6


def fit_heads(features: Lpips, dataset: PortraitDataset, *, seed: int) -> None:
    """Fit the heads of ``features`` in place; they stay non-negative.

    Parameters
    ----------
    features : Lpips
        With a trained, frozen network.
    dataset : PortraitDataset
        At least 32 portraits.
    seed : int
    """
    heads = list(features.heads.parameters())
    logits = [torch.zeros_like(head).requires_grad_(True) for head in heads]
    sharpness = torch.tensor(2.0, requires_grad=True)
    optimizer = torch.optim.Adam([*logits, sharpness], lr=0.03)
    draw = np.random.default_rng([seed, 1])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for _ in range(_STEPS):
            maps = _squared_differences(features, *_triplets(dataset, draw))
            weak, strong = (
                sum(
                    (level * F.softplus(logit)).sum(1).mean((1, 2)) / level.shape[1]
                    for level, logit in zip(levels, logits, strict=True)
                )
                for levels in maps
            )
            ratio = (strong - weak) / (strong + weak + 1e-8)
            loss = F.softplus(-sharpness.exp() * ratio).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        for head, logit in zip(heads, logits, strict=True):
            head.copy_(F.softplus(logit) / head.shape[1])
        portraits = dataset.batch(np.sort(draw.choice(len(dataset), 2 * _BATCH, replace=False)))
        found = features.features(portraits)
        distance = features.distance([f[:_BATCH] for f in found], [f[_BATCH:] for f in found])
        for head in heads:
            head.mul_(_MEAN_DISTANCE / distance.mean())


@torch.no_grad()
def judgement_accuracy(features: Lpips, held_out: PortraitDataset, *, seed: int, batches: int = 20) -> float:
    """Return the share of judgements, on portraits never trained on, that come out right."""
    draw = np.random.default_rng([seed, 2])
    right = []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for _ in range(batches):
            reference, weak, strong = (features.features(x) for x in _triplets(held_out, draw))
            right.append(features.distance(reference, strong) > features.distance(reference, weak))
    return torch.cat(right).float().mean().item()


def _squared_differences(
    features: Lpips, reference: Tensor, weak: Tensor, strong: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    with torch.no_grad():
        levels = [features.features(x) for x in (reference, weak, strong)]
    return tuple(
        [(a - b).square() for a, b in zip(levels[0], changed, strict=True)] for changed in levels[1:]
    )


def _triplets(dataset: PortraitDataset, draw: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return portraits, and each changed weakly and strongly in one way: three times [16, 3, 128, 128]."""
    portraits = dataset.batch(np.sort(draw.choice(len(dataset), _BATCH, replace=False)))
    change = _CHANGES[draw.integers(len(_CHANGES))]
    weak = torch.from_numpy(draw.uniform(0.1, 0.6, (_BATCH, 1, 1, 1))).float()
    strong = weak + torch.from_numpy(draw.uniform(0.1, 0.4, (_BATCH, 1, 1, 1))).float()
    return portraits, change(portraits, weak), change(portraits, strong)


def _noise(x: Tensor, strength: Tensor) -> Tensor:
    return x + 0.4 * strength * torch.randn_like(x)


def _blur(x: Tensor, strength: Tensor) -> Tensor:
    blurred = F.avg_pool2d(F.pad(x, (3, 3, 3, 3), mode="reflect"), 7, stride=1)
    return x + strength * (blurred - x)


def _tint(x: Tensor, strength: Tensor) -> Tensor:
    return x + 0.5 * strength * F.normalize(torch.randn(len(x), 3, 1, 1), dim=1)


def _contrast(x: Tensor, strength: Tensor) -> Tensor:
    return x + 0.7 * strength * (x.mean((2, 3), keepdim=True) - x)


def _shift(x: Tensor, strength: Tensor) -> Tensor:
    angle = 2 * torch.pi * torch.rand(len(x))
    offset = 0.12 * strength.flatten() * torch.stack([angle.cos(), angle.sin()])
    affine = torch.eye(2, 3).repeat(len(x), 1, 1)
    affine[:, :, 2] = offset.T
    grid = F.affine_grid(affine, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


_CHANGES: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (_noise, _blur, _tint, _contrast, _shift)
