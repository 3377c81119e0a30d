"""The embedded StyleGAN2: regression onto renders, growing from 32 to 128 pixels.

A plain adversarial training needs days; here every image code (see ``codes``) has one right portrait, so
the synthesis network learns by regression. The renderer's own texture maps enter the noise inputs of the
same portrait, which keeps those inputs alive. The mapping network is fitted afterwards, from normal draws
to codes.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.networks.lpips import Lpips
from loho_bench.networks.stylegan2 import Generator
from loho_bench.progress import get_logger, track
from loho_bench.training.augmentation import step_generator
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.codes import CODE_SIZE, ImageCode
from loho_bench.training.dataset import SIZE, PortraitDataset, random_batches

CONFIG = {
    "size": SIZE,
    "style_dim": CODE_SIZE,
    "n_mlp": 8,
    "channels": {4: 128, 8: 128, 16: 128, 32: 96, 64: 64, 128: 32},
}
# Resolutions whose second convolution takes the renderer's texture map of the same size.
_TEXTURED = (32, 64, 128)
_AVERAGING = 0.996
_PERCEPTUAL_WEIGHT = 0.3
_AFFINE_GAIN = 0.1
_NOISE_STRENGTH = 0.02
_SAVED_EVERY, _JUDGED_EVERY = 100, 500  # steps


@dataclass(frozen=True)
class Phase:
    """One resolution of the growing: ``share`` of all steps, batch size and learning rate."""

    resolution: int
    share: float
    batch: int
    learning_rate: float


PHASES = (Phase(32, 0.22, 16, 2.4e-2), Phase(64, 0.22, 14, 1.0e-2), Phase(128, 0.56, 12, 6e-3))


def train_generator(
    dataset: PortraitDataset,
    held_out: PortraitDataset,
    features: Callable[[], Lpips],
    *,
    steps: int,
    seed: int,
    checkpoints: Checkpoints,
    dtype: torch.dtype = torch.bfloat16,
) -> tuple[Generator, dict[str, Any]]:
    """Train the generator; a killed run goes on from its last checkpoint.

    Parameters
    ----------
    dataset, held_out : PortraitDataset
    features : callable
        Gives the feature network of the perceptual term when 128 px are reached.
    steps : int
        Steps of all phases together.
    seed : int
    checkpoints : Checkpoints
        Keeps the state of an unfinished training.
    dtype : torch.dtype
        Of the convolutions while training.

    Returns
    -------
    (Generator, dict)
        The averaged generator, frozen, float32; and the held-out figures.
    """
    torch.manual_seed(seed)
    log = get_logger("training.generator")
    code = ImageCode.fit(dataset)
    codes = code.encode(dataset)
    generator = Generator(**CONFIG, affine_gain=_AFFINE_GAIN, compute_dtype=dtype)
    for layer in (generator.conv1, *generator.convs):
        layer.noise.weight.data.fill_(_NOISE_STRENGTH)
    average = copy.deepcopy(generator).requires_grad_(False)
    parameters = [p for name, p in generator.named_parameters() if not name.startswith("style.")]
    averaged = [p for name, p in average.named_parameters() if not name.startswith("style.")]
    optimizer = torch.optim.Adam(parameters, betas=(0.9, 0.99))
    decisive = {
        "seed": seed,
        "steps": steps,
        "portraits": len(dataset),
        "config": CONFIG,
        "phases": [asdict(phase) for phase in PHASES],
        "textured": _TEXTURED,
        "factors": [_AVERAGING, _PERCEPTUAL_WEIGHT, _AFFINE_GAIN, _NOISE_STRENGTH],
        "dtype": str(dtype),
    }
    checkpoint = checkpoints.open(
        "generator", decisive, generator=generator, average=average, optimizer=optimizer
    )
    step, perceptual = checkpoint.restore(), None

    for phase, first, last in _spans(steps):
        if phase.resolution == SIZE and step < last:
            perceptual = features()
            perceptual.vgg.compute_dtype = dtype
        start = max(step, first)
        batches = random_batches(len(dataset), phase.batch, last, seed, start=start)
        for index in track(batches, f"training at {phase.resolution} px", max(0, last - start)):
            _set_learning_rate(optimizer, phase, step, steps)
            target = F.avg_pool2d(dataset.batch(index), SIZE // phase.resolution)
            noise = _noise(generator, dataset.texture_noise(index), step_generator(seed, step))
            image = generator(generator.repeat(codes[index]), noise, phase.resolution)
            loss = _reconstruction(image, target)
            if perceptual is not None:
                loss = loss + _PERCEPTUAL_WEIGHT * _perceptual(perceptual, image, target)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
            decay = min(_AVERAGING, (1 + step) / (10 + step))
            torch._foreach_lerp_(averaged, [p.detach() for p in parameters], 1 - decay)
            if step % _SAVED_EVERY == 0 or step == steps:
                log.info("step %d of %d, %d px: loss %.4f", step, steps, phase.resolution, loss.item())
                checkpoint.save(step)
            if step % _JUDGED_EVERY == 0:
                log.info("held-out PSNR %.2f dB", _held_out_psnr(average, code, held_out, phase.resolution))
    average.compute_dtype = torch.float32
    fit_mapping(average, torch.from_numpy(np.array(dataset.latents)).float(), codes, seed=seed)
    figures = {"code_psnr": _held_out_psnr(average, code, held_out, SIZE)}
    return average.eval().requires_grad_(False), figures


def fit_mapping(
    generator: Generator, latents: Tensor, codes: Tensor, *, seed: int, steps: int = 6000
) -> None:
    """Fit the mapping network from the renderer's latents to the image codes.

    Parameters
    ----------
    generator : Generator
        Its mapping network is changed in place.
    latents : Tensor [N, 48]
        The leading components of z; the others stay free and come to mean nothing.
    codes : Tensor [N, D]
    """
    draw = torch.Generator().manual_seed(seed)
    mapping = generator.style.requires_grad_(True)
    # The mapping network's run-time factor of 0.01 divides every step; the rate makes up for it.
    optimizer = torch.optim.Adam(mapping.parameters(), lr=0.2, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        index = torch.randint(len(codes), (128,), generator=draw)
        rest = torch.randn(len(index), CODE_SIZE - latents.shape[1], generator=draw)
        error = mapping(torch.cat([latents[index], rest], dim=1)) - codes[index]
        optimizer.zero_grad(set_to_none=True)
        error.square().mean().backward()
        optimizer.step()
        schedule.step()
    mapping.requires_grad_(False)


def _spans(steps: int) -> list[tuple[Phase, int, int]]:
    bounds = np.rint(np.cumsum([0.0, *(phase.share for phase in PHASES)]) * steps).astype(int).tolist()
    return list(zip(PHASES, bounds[:-1], bounds[1:], strict=True))


def _set_learning_rate(optimizer: torch.optim.Optimizer, phase: Phase, step: int, steps: int) -> None:
    warm_up = min(1.0, (step + 1) / 100)
    decay = 0.51 + 0.49 * math.cos(math.pi * max(0.0, step / steps - 0.6) / 0.4)
    for group in optimizer.param_groups:
        group["lr"] = phase.learning_rate * warm_up * decay


def _noise(generator: Generator, texture: dict[int, Tensor], draw: torch.Generator) -> list[Tensor]:
    """Return noise maps for all inputs: texture at the second convolution of a textured resolution."""
    count = len(texture[SIZE])
    maps = []
    for position, resolution in enumerate(generator.noise_shapes):
        second = position % 2 == 0 and resolution in _TEXTURED
        drawn = (
            texture[resolution] if second else torch.randn(count, 1, resolution, resolution, generator=draw)
        )
        maps.append(drawn)
    return maps


def _reconstruction(image: Tensor, target: Tensor) -> Tensor:
    """L1 at four scales and L1 of the finite differences."""
    loss = (image - target).abs().mean()
    for scale in (2, 4, 8):
        loss = loss + F.avg_pool2d(image - target, scale).abs().mean()
    difference = image - target
    return loss + difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()


def _perceptual(features: Lpips, image: Tensor, target: Tensor) -> Tensor:
    """Squared distance of unit-length features, mean over space, sum over the first four blocks."""
    with torch.no_grad():
        wanted = features.features(target)[:4]
    found = features.features(image)[:4]
    return sum((a - b).square().sum(1).mean() for a, b in zip(found, wanted, strict=True))


@torch.no_grad()
def _held_out_psnr(
    generator: Generator, code: ImageCode, held_out: PortraitDataset, resolution: int, count: int = 64
) -> float:
    index = np.arange(count)
    target = F.avg_pool2d(held_out.batch(index), SIZE // resolution)
    noise = _noise(generator, held_out.texture_noise(index), torch.Generator().manual_seed(0))
    codes = code.encode(held_out)[:count]
    image = generator(generator.repeat(codes), noise, resolution).clamp(-1, 1)
    return (10 * torch.log10(4 / (image - target).square().mean((1, 2, 3)))).mean().item()
