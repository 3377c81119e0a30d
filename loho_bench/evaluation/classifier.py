"""Can two sets of images be told apart? A small network, trained from scratch on half of them, is asked."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.portraits.images import to_tensor

_WIDTHS = (16, 32, 64, 64)
_BATCH = 32
_LEARNING_RATE = 3e-3
_WEIGHT_DECAY = 1e-2


def classifier_accuracy(first: np.ndarray, second: np.ndarray, *, steps: int, seed: int) -> float | None:
    """Train a classifier on half of two sets of images and return its accuracy on the other half.

    Parameters
    ----------
    first, second : uint8 [N, S, S, 3] and [M, S, S, 3]
        Of the larger set as many are used as the smaller has.
    steps : int
        Of training, with 32 images each, randomly mirrored.
    seed : int
        Together with the images it decides the result.

    Returns
    -------
    float or None
        0.5: they cannot be told apart; 1: always. None where a set has fewer than two images.
    """
    count = min(len(first), len(second))
    if count < 2:
        return None
    draw = np.random.default_rng(seed)
    sets = [images[np.sort(draw.permutation(len(images))[:count])] for images in (first, second)]
    sets = [images[draw.permutation(count)] for images in sets]
    half = count // 2
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = _build()
    _train(network, [images[:half] for images in sets], steps, draw)
    with torch.no_grad():
        answers = [
            torch.cat([network(part) for part in to_tensor(images[half:]).split(_BATCH)]) > 0
            for images in sets
        ]
    right = [answers[0].float().mean(), 1 - answers[1].float().mean()]
    return float(sum(right) / 2)


def _build() -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in zip((3, *_WIDTHS), _WIDTHS, strict=False):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(4, after), nn.SiLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(_WIDTHS[-1], 1))


def _train(network: nn.Module, sets: list[np.ndarray], steps: int, draw: np.random.Generator) -> None:
    """Descend on binary cross entropy; every step sees as many images of the one set as of the other."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LEARNING_RATE, total_steps=steps)
    wanted = torch.cat([torch.ones(_BATCH // 2), torch.zeros(_BATCH // 2)])
    for _ in range(steps):
        images = torch.cat([_some(images, draw) for images in sets])
        loss = F.binary_cross_entropy_with_logits(network(images)[:, 0], wanted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()


def _some(images: np.ndarray, draw: np.random.Generator) -> Tensor:
    chosen = to_tensor(images[draw.integers(0, len(images), _BATCH // 2)])
    mirrored = torch.from_numpy(draw.random(len(chosen)) < 0.5)
    return torch.where(mirrored[:, None, None, None], chosen.flip(-1), chosen)
