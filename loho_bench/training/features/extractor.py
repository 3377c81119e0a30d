"""The embedded extractor for FID: a residual network that no method optimises against.

It is another architecture than the feature network of the losses, starts from other random numbers, and is
asked for something else besides: how noisy and how soft a picture is. Without that it could not tell a sharp
portrait from a poor one of the same person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.resnet import ResNet
from loho_bench.portraits.synthetic import LABELS
from loho_bench.training.augmentation import step_generator
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import SIZE, PortraitDataset, random_batches
from loho_bench.training.features.attributes import visible_attributes
from loho_bench.training.features.probes import linear_r2, some_portraits
from loho_bench.training.features.tasks import REGRESSED, Tasks, regression_loss
from loho_bench.training.loop import descend

_BATCH = 32
_LEARNING_RATE = 4e-3
_FLAWS = 3
# Of the stage whose maps are an eighth of the frame: the thumbnail of classes and colours.
_THUMBNAIL_LEVEL, _THUMBNAIL_STEP = 1, 8
_AT_ONCE = 50


class ExtractorHeads(nn.Module):
    """Readers of a :class:`ResNet`: everything but the thumbnail from the feature vector alone, linearly."""

    def __init__(self, network: ResNet):
        super().__init__()
        config = network.config()
        self.norm = nn.BatchNorm1d(config["dimension"], affine=False)
        self.regression = nn.Linear(config["dimension"], REGRESSED + _FLAWS)
        self.thumbnail = nn.Conv2d(config["widths"][_THUMBNAIL_LEVEL], len(LABELS) + 3, 1)

    def forward(self, vectors: Tensor, levels: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return regressions [N, R], class scores [N, 5, h, w] and colours [N, 3, h, w], float32."""
        with torch.autocast("cpu", enabled=False):
            regressed = self.regression(self.norm(vectors))
        dense = self.thumbnail(levels[_THUMBNAIL_LEVEL]).float()
        return regressed, *dense.split([len(LABELS), 3], dim=1)


def train_extractor(
    dataset: PortraitDataset, held_out: PortraitDataset, *, steps: int, seed: int, checkpoints: Checkpoints
) -> tuple[ResNet, dict[str, Any]]:
    """Train the extractor; a killed run goes on.

    Returns
    -------
    (ResNet, dict)
        The network, frozen; and, held out, ``probe_r2``: what linear probes read from its vectors, by
        attribute as in :mod:`loho_bench.training.features.attributes` and for ``noise``, ``softness`` and
        ``grain``.
    """
    torch.manual_seed(_own_seed(seed))
    network = ResNet().to(memory_format=torch.channels_last)
    both = nn.ModuleDict({"network": network, "heads": ExtractorHeads(network)})
    tasks = Tasks(dataset)

    def loss(step: int) -> Tensor:
        index = next(random_batches(len(dataset), _BATCH, step + 1, _own_seed(seed), start=step))
        generator = step_generator(_own_seed(seed), step)
        images, wanted = tasks.batch(index, SIZE, generator)
        images, flaws = add_flaws(images, generator)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            levels = network.levels(images.contiguous(memory_format=torch.channels_last))
            found = both["heads"](network.embed(levels[-1]), levels)
        return _loss(found, wanted, flaws)

    settings = {"seed": seed, "portraits": len(dataset), "batch": _BATCH, "config": network.config()}
    seconds = descend(
        both,
        loss,
        name="extractor",
        steps=steps,
        learning_rate=_LEARNING_RATE,
        checkpoints=checkpoints,
        settings=settings,
    )
    figures = extractor_r2(network, some_portraits(dataset), held_out)
    return network, {"probe_r2": figures, "seconds": round(seconds, 1)}


def extractor_r2(network: ResNet, fit: PortraitDataset, judge: PortraitDataset) -> dict[str, float]:
    """Probe the feature vectors of portraits with and without flaws, see :func:`train_extractor`."""
    (known, targets), (asked, answers) = (_vectors(network, dataset) for dataset in (fit, judge))
    return linear_r2(known, targets, asked, answers)


def add_flaws(images: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Add to three quarters of the portraits what generated ones may suffer from.

    Returns
    -------
    (Tensor [N, 3, H, W], Tensor [N, 3])
        The images; strengths of noise, softness and grain in [0, 1], 0 where there is none.
    """
    count, size = len(images), images.shape[2:]
    strengths = torch.rand(count, _FLAWS, generator=generator)
    strengths = strengths * (torch.rand(count, _FLAWS, generator=generator) < 0.37)
    noise, softness, grain = (column[:, None, None, None] for column in strengths.T)
    soft = F.avg_pool2d(F.pad(images, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    images = torch.lerp(images, soft, softness)
    coarse = torch.randn(count, 1, size[0] // 2, size[1] // 2, generator=generator)
    speckles = F.interpolate(coarse, size=size, mode="bilinear")
    images = images + 0.25 * grain * speckles * (images + 1)
    images = images + 0.15 * noise * torch.randn(images.shape, generator=generator)
    return images.clamp(-1, 1), strengths


def _loss(found: tuple[Tensor, Tensor, Tensor], wanted: Mapping[str, Tensor], flaws: Tensor) -> Tensor:
    regressed, scores, colours = found
    half = wanted["labels"]
    offset, step = _THUMBNAIL_STEP // 4, _THUMBNAIL_STEP // 2
    labels = half[:, offset::step, offset::step]
    thumbnail = F.avg_pool2d(wanted["images"], _THUMBNAIL_STEP)
    return (
        regression_loss(regressed[:, :REGRESSED], wanted["table"])
        # Their variance is near a twelfth.
        + 12 * F.mse_loss(regressed[:, REGRESSED:], flaws)
        + F.cross_entropy(scores, labels)
        + F.l1_loss(colours, thumbnail)
    )


@torch.no_grad()
def _vectors(network: ResNet, dataset: PortraitDataset) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    rows, flaws = [], []
    for start in range(0, len(dataset), _AT_ONCE):
        images = dataset.batch(np.arange(start, min(start + _AT_ONCE, len(dataset))))
        images, strengths = add_flaws(images, step_generator(0, start))
        rows.append(network(images.contiguous(memory_format=torch.channels_last)))
        flaws.append(strengths)
    noise, softness, grain = torch.cat(flaws).numpy()[:, :, None].swapaxes(0, 1)
    targets = visible_attributes(dataset) | {"noise": noise, "softness": softness, "grain": grain}
    return torch.cat(rows).numpy(), targets


def _own_seed(seed: int) -> int:
    """Return another seed than the feature network's, so that the two see other batches."""
    return seed + 1_000_003
