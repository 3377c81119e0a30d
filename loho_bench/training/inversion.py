"""How well portraits can be found again in W+: the measure of a generator for latent optimisation."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from loho_bench.methods.loho.noise import noise_loss, normalize_noise_
from loho_bench.methods.loho.schedule import learning_rate
from loho_bench.metrics.psnr import psnr
from loho_bench.metrics.ssim import ssim
from loho_bench.networks.lpips import Lpips
from loho_bench.networks.stylegan2 import Generator
from loho_bench.portraits.images import to_uint8
from loho_bench.training.dataset import PortraitDataset

_LEARNING_RATE = 0.1
_NOISE_WEIGHT = 10.0


def invert(generator: Generator, features: Lpips, images: Tensor, steps: int, seed: int) -> Tensor:
    """Return the portraits that the generator makes of ``images``, found by optimisation.

    LPIPS over all blocks, squared error and noise regularisation, Adam over W+ and noise maps from the mean
    latent, with LOHO's schedule.

    Parameters
    ----------
    images : Tensor [N, 3, S, S] in [-1, 1]
    steps : int
    seed : int
        Draws the noise maps to start from.

    Returns
    -------
    Tensor [N, 3, S, S] in [-1, 1]
    """
    count = len(images)
    mean, _ = generator.latent_statistics(10_000, seed)
    latents = generator.repeat(mean.expand(count, -1)).clone().requires_grad_(True)
    draw = torch.Generator().manual_seed(seed)
    noise = [torch.randn(count, 1, r, r, generator=draw).requires_grad_(True) for r in generator.noise_shapes]
    optimizer = torch.optim.Adam([latents, *noise])
    with torch.no_grad():
        wanted = features.features(images)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step / steps, _LEARNING_RATE, rampup=0.05, rampdown=0.25)
        found = generator(latents, noise)
        loss = features.distance(features.features(found), wanted) + (found - images).square().mean((1, 2, 3))
        optimizer.zero_grad(set_to_none=True)
        (loss + _NOISE_WEIGHT * noise_loss(noise)).sum().backward()
        optimizer.step()
        normalize_noise_(noise)
    with torch.no_grad():
        return generator(latents, noise).clamp(-1, 1)


def inversion_quality(
    generator: Generator, features: Lpips, held_out: PortraitDataset, *, seed: int, count: int = 8
) -> dict[str, float]:
    """Return mean PSNR (dB) and SSIM of ``count`` held-out portraits found in 100 and in 400 steps."""
    images = held_out.batch(np.arange(count))
    figures = {}
    for steps in (100, 400):
        found = torch.cat([invert(generator, features, part, steps, seed) for part in images.split(8)])
        pairs = list(zip(to_uint8(found), to_uint8(images), strict=True))
        figures[f"inversion_psnr_{steps}"] = float(np.mean([psnr(a, b) for a, b in pairs]))
        figures[f"inversion_ssim_{steps}"] = float(np.mean([ssim(a, b) for a, b in pairs]))
    return figures
