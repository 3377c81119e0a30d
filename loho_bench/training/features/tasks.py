"""What feature networks are trained to tell: visible attributes, landmarks, classes and the image itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from loho_bench.portraits.synthetic import LABELS
from loho_bench.training.augmentation import mirror_landmarks
from loho_bench.training.dataset import PortraitDataset
from loho_bench.training.features.attributes import ATTRIBUTES, mirror_attributes, visible_attributes

_COORDINATES = 136
REGRESSED = sum(ATTRIBUTES.values()) + _COORDINATES
"""Numbers asked for, R below: all attributes and the landmarks' coordinates."""
_GRID = 4
_GRID_LEVELS = 3
# Of what a hair transfer is judged by, waves are the hardest to see.
WEIGHTS = {"hair_texture": 8.0}
_REGRESSION_WEIGHT = 4.0


def pool(levels: Sequence[Tensor]) -> Tensor:
    """Describe images by maps of decreasing size.

    Returns
    -------
    Tensor [N, D] float32
        Of every level's channels the mean over space and the standard deviation; then, for the last three
        levels, the means in 4 x 4 equal parts of the frame.
    """
    levels = [level.float() for level in levels]
    parts = [level.mean((2, 3)) for level in levels]
    parts += [(level.var((2, 3), correction=0) + 1e-6).sqrt() for level in levels]
    parts += [F.adaptive_avg_pool2d(level, _GRID).flatten(1) for level in levels[-_GRID_LEVELS:]]
    return torch.cat(parts, dim=1)


def pooled_size(widths: Sequence[int]) -> int:
    """Return the D of :func:`pool` for levels of these widths."""
    return 2 * sum(widths) + _GRID**2 * sum(widths[-_GRID_LEVELS:])


class TaskHeads(nn.Module):
    """Readers of a feature pyramid. They are linear but for the dense one, so that the features must speak
    plainly.

    Parameters
    ----------
    widths : sequence of int
        Channels of the levels; each is half as large as the one before it.
    """

    def __init__(self, widths: Sequence[int]):
        super().__init__()
        size = pooled_size(widths)
        self.norm = nn.BatchNorm1d(size, affine=False)
        self.regression = nn.Linear(size, REGRESSED)
        nn.init.normal_(self.regression.weight, std=0.1)
        self.finest = nn.Conv2d(widths[0], 32, 2, stride=2)
        self.lateral = nn.ModuleList([nn.Conv2d(width, 32, 1) for width in widths[1:]])
        self.dense = nn.Sequential(
            nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, len(LABELS) + 12, 1)
        )

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return regressions [N, R], class scores [N, 5, H/2, W/2] and images [N, 3, H, W], float32."""
        with torch.autocast("cpu", enabled=False):
            # Thousands of inputs move together: unscaled, one step of Adam would overshoot.
            pooled = self.norm(pool(levels)) * (4 / self.regression.in_features) ** 0.5
            regressed = self.regression(pooled)
        merged = self.lateral[-1](levels[-1])
        for lateral, level in zip(self.lateral[-2::-1], levels[-2:0:-1], strict=True):
            merged = F.interpolate(merged, scale_factor=2, mode="nearest") + lateral(level)
        dense = self.dense(merged + self.finest(levels[0])).float()
        scores, colours = dense.split([len(LABELS), 12], dim=1)
        return regressed, scores, F.pixel_shuffle(colours, 2)


class Tasks:
    """Batches of portraits with what is asked about them.

    Parameters
    ----------
    dataset : PortraitDataset
    """

    def __init__(self, dataset: PortraitDataset):
        self._dataset = dataset
        self._attributes = {
            name: torch.from_numpy(values) for name, values in visible_attributes(dataset).items()
        }
        table = torch.cat([*self._attributes.values(), self._landmarks(np.arange(len(dataset)))], dim=1)
        self._mean, self._scale = table.mean(dim=0), table.std(dim=0).clamp_min(1e-4)

    def batch(
        self, index: np.ndarray, size: int, generator: Generator
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Draw a batch, half of it mirrored.

        Parameters
        ----------
        index : int array [N]
        size : int
            Side of the images: that of the data set, or half of it.
        generator : torch.Generator

        Returns
        -------
        (Tensor, dict)
            Images [N, 3, size, size] in [-1, 1], and the answers that :func:`task_loss` compares with.
        """
        flipped = torch.rand(len(index), generator=generator) < 0.5
        images = self._dataset.batch(index)
        labels = torch.from_numpy(np.searchsorted(LABELS, self._dataset.labels[index]))
        images = torch.where(flipped[:, None, None, None], images.flip(-1), images)
        labels = torch.where(flipped[:, None, None], labels.flip(-1), labels)
        step = images.shape[-1] // size
        images = F.avg_pool2d(images, step) if step > 1 else images
        labels = labels[:, step :: 2 * step, step :: 2 * step]
        attributes = {name: values[index] for name, values in self._attributes.items()}
        plain = torch.cat([*attributes.values(), self._landmarks(index)], dim=1)
        mirrored = torch.cat(
            [*mirror_attributes(attributes).values(), self._landmarks(index, mirrored=True)], dim=1
        )
        table = torch.where(flipped[:, None], mirrored, plain)
        return images, {
            "table": (table - self._mean) / self._scale,
            "labels": labels,
            "images": images,
        }

    def _landmarks(self, index: np.ndarray, mirrored: bool = False) -> Tensor:
        landmarks = torch.from_numpy(self._dataset.landmarks[index])
        return (mirror_landmarks(landmarks) if mirrored else landmarks).flatten(1)


def task_loss(found: tuple[Tensor, Tensor, Tensor], wanted: Mapping[str, Tensor]) -> Tensor:
    """Compare what :class:`TaskHeads` found with the answers of :meth:`Tasks.batch`."""
    regressed, scores, images = found
    return (
        regression_loss(regressed, wanted["table"])
        + F.cross_entropy(scores, wanted["labels"])
        + F.l1_loss(images, wanted["images"])
    )


def regression_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Compare regressions [N, R], in units of the standard deviation.

    Every attribute counts alike, however many numbers it has, but for the hair's texture, which counts more;
    landmarks count as one attribute.
    """
    squares = (found - wanted).square().mean(dim=0)
    weights = squares.new_tensor([*(WEIGHTS.get(name, 1.0) for name in ATTRIBUTES), 1.0])
    terms = torch.stack([part.mean() for part in squares.split([*ATTRIBUTES.values(), _COORDINATES])])
    return _REGRESSION_WEIGHT * (weights * terms).sum() / weights.sum()
