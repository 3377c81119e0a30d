"""How the embedded landmark network is made: a small stacked hourglass, trained on exact landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.networks.graphonomy import HAIR
from loho_bench.networks.hourglass import StackedHourglass, decode
from loho_bench.training.augmentation import augment, mirror_landmarks, step_generator
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import SIZE, PortraitDataset, random_batches
from loho_bench.training.loop import descend

LANDMARKS_CONFIG: dict[str, Any] = {"stacks": 2, "width": 64, "depth": 4, "stride": 4}
_SPREAD = 2.0  # cells: standard deviation of the peak that a heat map should show
_MAP_WEIGHT, _POSITION_WEIGHT = 30.0, 10.0
_EVALUATED_AT_ONCE = 32


def train_landmarks(
    dataset: PortraitDataset,
    held_out: PortraitDataset,
    *,
    steps: int,
    seed: int,
    checkpoints: Checkpoints,
    batch: int = 16,
    learning_rate: float = 3e-3,
    config: Mapping[str, Any] | None = None,
) -> tuple[StackedHourglass, dict[str, float]]:
    """Train the landmark network; a killed training goes on.

    Parameters
    ----------
    dataset, held_out : PortraitDataset
        To learn from, and to be judged on.
    steps, seed, batch, learning_rate
        Together with ``config`` they decide the result.
    checkpoints : Checkpoints
        Keeps the state of an unfinished training.
    config : mapping, optional
        Arguments of :class:`StackedHourglass`; :data:`LANDMARKS_CONFIG` when left out.

    Returns
    -------
    (StackedHourglass, dict)
        The network, frozen; and the held-out figures of :func:`landmark_figures`, with the seconds it took.
    """
    torch.manual_seed(seed)
    network = StackedHourglass(**(config or LANDMARKS_CONFIG)).to(memory_format=torch.channels_last)

    def loss(step: int) -> Tensor:
        index = next(random_batches(len(dataset), batch, step + 1, seed, start=step))
        generator = step_generator(seed, step)
        images, landmarks = dataset.batch(index), torch.from_numpy(dataset.landmarks[index])
        hair = torch.from_numpy(dataset.labels[index] == HAIR)[:, None].float()
        flipped = (torch.rand(batch, generator=generator) < 0.5)[:, None, None]
        images = torch.where(flipped[..., None], images.flip(-1), images)
        hair = torch.where(flipped[..., None], hair.flip(-1), hair)
        landmarks = torch.where(flipped, mirror_landmarks(landmarks), landmarks)
        images = augment(images, hair, generator)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            drawn = network(images)
        return heatmap_loss([heatmaps.float() for heatmaps in drawn], landmarks)

    settings = {"seed": seed, "batch": batch, "config": network.config(), "portraits": len(dataset)}
    seconds = descend(
        network,
        loss,
        name="landmarks",
        steps=steps,
        learning_rate=learning_rate,
        checkpoints=checkpoints,
        settings=settings,
    )
    return network, {**landmark_figures(network, held_out, seed=seed), "seconds": round(seconds, 1)}


def heatmap_loss(drawn: list[Tensor], landmarks: Tensor) -> Tensor:
    """Sum over the stacks of the squared error of the heat maps and the distance of the decoded landmarks.

    Parameters
    ----------
    drawn : list of Tensor [N, K, h, w] float32
    landmarks : Tensor [N, K, 2], fractions of the frame
    """
    wanted = peaks(landmarks, drawn[0].shape[2], drawn[0].shape[3])
    return sum(
        _MAP_WEIGHT * F.mse_loss(heatmaps, wanted) + _POSITION_WEIGHT * F.l1_loss(decode(heatmaps), landmarks)
        for heatmaps in drawn
    )


def peaks(landmarks: Tensor, height: int, width: int, spread: float = _SPREAD) -> Tensor:
    """Draw a Gaussian of height 1 at every landmark.

    Parameters
    ----------
    landmarks : Tensor [N, K, 2], (x, y) as fractions
    height, width : int
        Cells of the heat map; centres lie at half-integers.
    spread : float
        Standard deviation in cells.

    Returns
    -------
    Tensor [N, K, height, width]
    """
    x = torch.arange(width) + 0.5 - landmarks[..., :1] * width
    y = torch.arange(height) + 0.5 - landmarks[..., 1:] * height
    horizontal, vertical = (torch.exp(-0.5 * (offset / spread).square()) for offset in (x, y))
    return vertical[..., :, None] * horizontal[..., None, :]


@torch.no_grad()
def landmark_figures(
    network: StackedHourglass, held_out: PortraitDataset, *, seed: int = 0
) -> dict[str, float]:
    """Judge a landmark network on portraits it has not seen.

    Returns
    -------
    dict
        In pixels of the 128-pixel frame, over all 68 points, hidden ones included: ``mean_error``,
        ``median_error``, ``error_95`` (95 % of the points are nearer), ``jaw_error`` and ``inner_error``
        (means over points 0-16 and 17-67), and ``mean_error_degraded`` on softened, stippled and relit
        portraits.
    """
    clean, degraded = [], []
    for start in range(0, len(held_out), _EVALUATED_AT_ONCE):
        index = np.arange(start, min(start + _EVALUATED_AT_ONCE, len(held_out)))
        images, wanted = held_out.batch(index), torch.from_numpy(held_out.landmarks[index])
        images = images.contiguous(memory_format=torch.channels_last)
        hair = torch.from_numpy(held_out.labels[index] == HAIR)[:, None].float()
        changed = augment(images, hair, step_generator(seed, start))
        clean.append(SIZE * (decode(network(images)[-1]) - wanted).norm(dim=-1))
        degraded.append(SIZE * (decode(network(changed)[-1]) - wanted).norm(dim=-1))
    errors = torch.cat(clean)
    return {
        "mean_error": errors.mean().item(),
        "median_error": errors.median().item(),
        "error_95": errors.flatten().kthvalue(int(0.95 * errors.numel())).values.item(),
        "jaw_error": errors[:, :17].mean().item(),
        "inner_error": errors[:, 17:].mean().item(),
        "mean_error_degraded": torch.cat(degraded).mean().item(),
        "portraits": len(held_out),
    }
