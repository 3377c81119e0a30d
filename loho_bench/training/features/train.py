"""The embedded feature network: VGG16's form at a quarter of its width, trained on portraits.

It learns several tasks at once (visible attributes, landmarks, segmentation, reconstruction), with batch
normalisation that is folded into the convolutions afterwards: without it the plain form does not learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.lpips import BLOCK_LAYERS, Lpips, LpipsHeads, scale_input
from loho_bench.networks.vgg import LAYERS, Vgg16
from loho_bench.training.augmentation import step_generator
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import PortraitDataset, random_batches
from loho_bench.training.features.attributes import ATTRIBUTES
from loho_bench.training.features.judgements import fit_heads, judgement_accuracy
from loho_bench.training.features.probes import probe_r2, some_portraits
from loho_bench.training.features.tasks import WEIGHTS, TaskHeads, Tasks, task_loss
from loho_bench.training.loop import descend

WIDTHS = (16, 32, 64, 128, 128)
_BATCH = 32
_LEARNING_RATE = 4e-3
# The first steps see portraits of half the size: a third of the price, and much is learned there.
_SMALL_SHARE = 0.35
_SIZE, _SMALL = 128, 64
_SCALED_SHARE = 0.7
_SOFTENED_SHARE = 0.1


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


def train_features(
    dataset: PortraitDataset, held_out: PortraitDataset, *, steps: int, seed: int, checkpoints: Checkpoints
) -> tuple[Lpips, dict[str, Any]]:
    """Train the feature network and fit its LPIPS heads; a killed run goes on.

    Returns
    -------
    (Lpips, dict)
        The folded network with its heads, frozen; and the held-out figures: ``probe_r2`` of
        :func:`loho_bench.training.features.probes.probe_r2` by attribute, ``judgement_accuracy``, and the
        seconds that the descent took.
    """
    torch.manual_seed(seed)
    network = NormalizedVgg().to(memory_format=torch.channels_last)
    both = nn.ModuleDict({"network": network, "heads": TaskHeads(WIDTHS)})
    tasks = Tasks(dataset)

    def loss(step: int) -> Tensor:
        index = next(random_batches(len(dataset), _BATCH, step + 1, seed, start=step))
        generator = step_generator(seed, step)
        size = _SMALL if step < _SMALL_SHARE * steps else _SIZE
        images, wanted = tasks.batch(index, size, generator)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = both["heads"](network(_disturb(images, generator)))
        return task_loss(found, wanted)

    settings = {
        "seed": seed,
        "portraits": len(dataset),
        "batch": _BATCH,
        "widths": WIDTHS,
        "small_share": _SMALL_SHARE,
        "attributes": ATTRIBUTES,
        "weights": WEIGHTS,
    }
    seconds = descend(
        both,
        loss,
        name="features",
        steps=steps,
        learning_rate=_LEARNING_RATE,
        checkpoints=checkpoints,
        settings=settings,
    )
    features = Lpips(network.fold(), LpipsHeads(WIDTHS))
    fit_heads(features, dataset, seed=seed)
    figures = {
        "probe_r2": probe_r2(features, some_portraits(dataset), held_out),
        "judgement_accuracy": judgement_accuracy(features, held_out, seed=seed + 1),
        "seconds": round(seconds, 1),
    }
    return features.eval().requires_grad_(False), figures


def _disturb(images: Tensor, generator: Generator) -> Tensor:
    """Shift tint and brightness a little, add noise, soften a few; most come in LPIPS's scaling of the input.

    Colours and strands stay what they are: both are asked for. LOHO's style and appearance terms show the
    network images that are not scaled, hence the rest.
    """
    count = len(images)

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator)

    def uniform() -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=generator)

    images = images + 0.02 * normal(3, 1, 1) + 0.04 * uniform().square() * normal(*images.shape[1:])
    soft = F.interpolate(F.avg_pool2d(images, 2), scale_factor=2, mode="bilinear")
    images = torch.where(uniform() < _SOFTENED_SHARE, soft, images)
    scaled = torch.where(uniform() < _SCALED_SHARE, scale_input(images), images)
    return scaled.contiguous(memory_format=torch.channels_last)
