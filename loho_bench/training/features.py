"""The embedded feature network: VGG16's form at a quarter of its width, trained on portraits.

It learns several tasks at once (attributes, landmarks, segmentation, reconstruction), with batch
normalisation that is folded into the convolutions afterwards: without it the plain form does not learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.lpips import BLOCK_LAYERS, Lpips, LpipsHeads, scale_input
from loho_bench.networks.vgg import LAYERS, Vgg16
from loho_bench.portraits.synthetic import LABELS
from loho_bench.progress import get_logger, track
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import PortraitDataset, random_batches
from loho_bench.training.judgements import fit_heads, judgement_accuracy

WIDTHS = (16, 32, 64, 128, 128)
_BATCH = 32
_LEARNING_RATE = 2e-3


class NormalizedVgg(nn.Module):
    """A :class:`Vgg16` with batch normalisation after every convolution, for training alone."""

    def __init__(self, widths: Sequence[int] = WIDTHS):
        super().__init__()
        self.vgg = Vgg16(tuple(widths))
        self.norms = nn.ModuleDict()
        for index in LAYERS.values():
            conv = self.vgg.features[index]
            nn.init.kaiming_normal_(conv.weight)
            self.norms[index] = nn.BatchNorm2d(conv.out_channels)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the last activations of the five blocks for images [N, 3, H, W]."""
        outputs = []
        for name, index in LAYERS.items():
            if name.endswith("_1") and name != "relu1_1":
                x = F.max_pool2d(x, 2)
            x = F.relu(self.norms[index](self.vgg.features[index](x)))
            if name in BLOCK_LAYERS:
                outputs.append(x)
        return outputs

    @torch.no_grad()
    def fold(self) -> Vgg16:
        """Return the plain network that computes the same in evaluation mode."""
        plain = Vgg16(self.vgg.widths)
        for index in LAYERS.values():
            conv, norm = self.vgg.features[index], self.norms[index]
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            plain.features[index].weight.copy_(conv.weight * gain[:, None, None, None])
            plain.features[index].bias.copy_((conv.bias - norm.running_mean) * gain + norm.bias)
        return plain.eval().requires_grad_(False)


class TaskHeads(nn.Module):
    """What the features are asked for: 48 attributes, 136 coordinates, 5 classes and the image."""

    def __init__(self, widths: Sequence[int] = WIDTHS):
        super().__init__()
        self.regression = nn.Linear(widths[-1] * 16, 48 + 136)
        self.lateral = nn.ModuleList([nn.Conv2d(width, 16, 1) for width in widths])
        self.dense = nn.Sequential(
            nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, len(LABELS) + 3, 1)
        )

    def forward(self, features: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Return regressions [N, 184] and dense maps [N, 8, H, W]."""
        pooled = F.adaptive_avg_pool2d(F.max_pool2d(features[-1], 2), 4).flatten(1)
        merged = self.lateral[-1](features[-1])
        for lateral, feature in zip(self.lateral[-2::-1], features[-2::-1], strict=True):
            merged = F.interpolate(merged, scale_factor=2, mode="bilinear", align_corners=False)
            merged = merged + lateral(feature)
        return self.regression(pooled), self.dense(merged)


def train_features(
    dataset: PortraitDataset, held_out: PortraitDataset, *, steps: int, seed: int, checkpoints: Checkpoints
) -> tuple[Lpips, dict[str, Any]]:
    """Train the feature network and fit its LPIPS heads; a killed run goes on.

    Returns
    -------
    (Lpips, dict)
        The folded network with its heads, frozen; and the held-out figures.
    """
    torch.manual_seed(seed)
    log = get_logger("training.features")
    network, tasks = NormalizedVgg().to(memory_format=torch.channels_last), TaskHeads()
    optimizer = torch.optim.Adam([*network.parameters(), *tasks.parameters()], lr=_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _LEARNING_RATE, total_steps=steps, pct_start=0.05
    )
    decisive = {
        "seed": seed,
        "steps": steps,
        "portraits": len(dataset),
        "batch": _BATCH,
        "learning_rate": _LEARNING_RATE,
        "widths": WIDTHS,
    }
    checkpoint = checkpoints.open(
        "features", decisive, network=network, tasks=tasks, optimizer=optimizer, schedule=schedule
    )
    step = checkpoint.restore()
    network.train()
    batches = random_batches(len(dataset), _BATCH, steps, seed, start=step)
    for index in track(batches, "training features", steps - step):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            regressed, dense = tasks(network(_augment(dataset.batch(index))))
        loss = _task_loss(regressed.float(), dense.float(), dataset, index)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        step += 1
        if step % 100 == 0 or step == steps:
            log.info("step %d of %d: loss %.4f", step, steps, loss.item())
            checkpoint.save(step)
    network.eval()
    figures = {"attribute_r2": _attribute_r2(network, tasks, held_out)}
    features = Lpips(network.fold(), LpipsHeads(WIDTHS))
    fit_heads(features, dataset, seed=seed)
    figures["judgement_accuracy"] = judgement_accuracy(features, held_out, seed=seed + 1)
    return features.eval().requires_grad_(False), figures


def _augment(images: Tensor) -> Tensor:
    """Change brightness, contrast and noise; half of the images come in LPIPS's scaling of the input."""
    count = len(images)
    images = images * (1 + 0.1 * torch.randn(count, 1, 1, 1)) + 0.06 * torch.randn(count, 3, 1, 1)
    images = images + 0.04 * torch.rand(count, 1, 1, 1) * torch.randn_like(images)
    if torch.rand(()) < 0.3:
        images = F.interpolate(F.avg_pool2d(images, 2), scale_factor=2, mode="bilinear")
    scaled = torch.rand(count, 1, 1, 1) < 0.5
    return torch.where(scaled, scale_input(images), images).contiguous(memory_format=torch.channels_last)


def _squash(latents: Tensor) -> Tensor:
    # Attributes saturate at both ends, so their latents are asked for in a bounded form.
    return 1.3 * torch.tanh(0.7 * latents)


def _task_loss(regressed: Tensor, dense: Tensor, dataset: PortraitDataset, index: np.ndarray) -> Tensor:
    latents = torch.from_numpy(dataset.latents[index]).float()
    landmarks = torch.from_numpy(dataset.landmarks[index]).flatten(1)
    labels = torch.from_numpy(np.searchsorted(LABELS, dataset.labels[index]))
    return (
        F.mse_loss(regressed[:, :48], _squash(latents))
        + 4 * F.mse_loss(regressed[:, 48:], 2 * landmarks - 1)
        + F.cross_entropy(dense[:, : len(LABELS)], labels)
        + 2 * F.l1_loss(dense[:, len(LABELS) :], dataset.batch(index))
    )


@torch.no_grad()
def _attribute_r2(network: NormalizedVgg, tasks: TaskHeads, held_out: PortraitDataset) -> float:
    """Return the mean share of the attributes' variance that the regression explains."""
    index = np.arange(len(held_out))
    found = torch.cat([tasks(network(held_out.batch(part)))[0][:, :48] for part in np.array_split(index, 10)])
    wanted = _squash(torch.from_numpy(held_out.latents[index]).float())
    return (1 - (found - wanted).square().mean(0) / wanted.var(0)).mean().item()
