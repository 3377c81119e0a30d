"""The embedded StyleGAN2: regression onto renders, growing from 32 to 128 pixels.

A plain adversarial training needs days; here every image code (see ``codes``) has one right portrait, so
the synthesis network learns by regression. The renderer's own texture maps enter the noise inputs of the
same portrait: what falls at random, single hairs above all, is told by the noise, and how the hair falls by
the code. The mapping network is fitted afterwards, from normal draws to codes. Where there is time for it,
as on a GPU, an adversarial phase follows the regression.
"""

from __future__ import annotations

import copy
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from loho_bench.networks.lpips import Lpips
from loho_bench.networks.stylegan2 import Generator
from loho_bench.networks.stylegan2.discriminator import Discriminator
from loho_bench.progress import get_logger, track
from loho_bench.training.augmentation import step_generator
from loho_bench.training.checkpoints import Checkpoints, weights_digest
from loho_bench.training.dataset import SIZE, PortraitDataset, random_batches
from loho_bench.training.generator.adversary import Adversary, Rivalry, penalty_factor
from loho_bench.training.generator.codes import CODE_SIZE, ImageCode
from loho_bench.training.generator.losses import perceptual_loss, reconstruction_loss
from loho_bench.training.generator.mapping import fit_mapping
from loho_bench.training.generator.noise import (
    OTHER_STRENGTH,
    TEXTURE_STRENGTH,
    TEXTURED,
    noise_inputs,
    random_noise,
    set_noise_strengths,
)
from loho_bench.training.generator.schedule import PHASES, learning_rate, phase_at

CONFIG = {
    "size": SIZE,
    "style_dim": CODE_SIZE,
    "n_mlp": 4,
    "channels": {4: 128, 8: 128, 16: 128, 32: 96, 64: 64, 128: 32},
}
_AVERAGING = 0.998
_PERCEPTUAL_WEIGHT = 0.3
_AFFINE_GAIN = 0.1
_ADVERSARIAL_WEIGHT = 0.05
_ADVERSARIAL_LEARNING_RATE = 1e-3
_SAVED_EVERY, _JUDGED_EVERY = 100, 500  # steps


def train_generator(
    dataset: PortraitDataset,
    held_out: PortraitDataset,
    features: Lpips,
    *,
    steps: int,
    seed: int,
    checkpoints: Checkpoints,
    adversarial_steps: int = 0,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.bfloat16,
) -> tuple[Generator, dict[str, Any]]:
    """Train the generator; a killed run goes on from its last checkpoint.

    Parameters
    ----------
    dataset, held_out : PortraitDataset
    features : Lpips
        The feature network of the perceptual term at 128 px.
    steps : int
        Steps of the regression, all resolutions together.
    seed : int
    checkpoints : Checkpoints
        Keeps the state of an unfinished training.
    adversarial_steps : int
        Steps of the adversarial phase after them.
    device : torch.device, optional
        The CPU when left out.
    dtype : torch.dtype
        Of the convolutions while training.

    Returns
    -------
    (Generator, dict)
        The averaged generator, frozen, float32, on the CPU; and the held-out figures.
    """
    torch.manual_seed(seed)
    log, device = get_logger("training.generator"), device or torch.device("cpu")
    code = ImageCode.fit(dataset)
    codes = code.encode(dataset)
    generator = Generator(**CONFIG, affine_gain=_AFFINE_GAIN, compute_dtype=dtype)
    set_noise_strengths(generator)
    generator = generator.to(device)
    average = copy.deepcopy(generator).requires_grad_(False)
    learned = [
        name for name, p in generator.named_parameters() if p.requires_grad and not name.startswith("style.")
    ]
    parameters = [generator.get_parameter(name) for name in learned]
    averaged = [average.get_parameter(name) for name in learned]
    parts = {
        "generator": generator,
        "average": average,
        "optimizer": torch.optim.Adam(parameters, betas=(0.9, 0.99)),
    }
    decisive = {
        "seed": seed,
        "steps": steps,
        "portraits": len(dataset),
        "config": CONFIG,
        "phases": [asdict(phase) for phase in PHASES],
        "textured": TEXTURED,
        "factors": [_AVERAGING, _PERCEPTUAL_WEIGHT, _AFFINE_GAIN, OTHER_STRENGTH, TEXTURE_STRENGTH],
        "dtype": str(dtype),
        "features": weights_digest(features),
    }
    if adversarial_steps:
        adversary = parts["adversary"] = _adversary(adversarial_steps, seed, device, dtype)
        decisive["adversarial"] = [asdict(adversary.rivalry), _ADVERSARIAL_LEARNING_RATE]
    checkpoint = checkpoints.open("generator", decisive, **parts)
    start, last = checkpoint.restore(), steps + adversarial_steps
    perceptual = copy.deepcopy(features).to(device)
    perceptual.vgg.compute_dtype = dtype

    for step in track(range(start, last), "training generator"):
        phase = phase_at(step, steps, PHASES)
        index = next(random_batches(len(dataset), phase.batch, step + 1, seed, start=step))
        draw = step_generator(seed, step)
        target = F.avg_pool2d(dataset.batch(index), SIZE // phase.resolution).to(device)
        latents = generator.repeat(codes[index].to(device))
        noise = [level.to(device) for level in noise_inputs(generator, dataset.texture_noise(index), draw)]
        image = generator(latents, noise, phase.resolution)
        loss = reconstruction_loss(image, target)
        if phase.resolution == SIZE:
            loss = loss + _PERCEPTUAL_WEIGHT * perceptual_loss(perceptual, image, target)
        if step >= steps:
            # The same portraits with other hairs: no answer is right, but they have to look like renders.
            drawn = [level.to(device) for level in random_noise(generator, len(index), draw)]
            fake = generator(latents, drawn)
            loss = loss + adversary.weight(step - steps) * adversary.generator_loss(fake)
            adversary.update(target, fake)
        for group in parts["optimizer"].param_groups:
            group["lr"] = learning_rate(phase, step, steps) if step < steps else _ADVERSARIAL_LEARNING_RATE
        parts["optimizer"].zero_grad(set_to_none=True)
        loss.backward()
        parts["optimizer"].step()
        done = step + 1
        decay = min(_AVERAGING, (1 + done) / (10 + done))
        torch._foreach_lerp_(averaged, [p.detach() for p in parameters], 1 - decay)
        if done % _SAVED_EVERY == 0 or done == last:
            log.info("step %d of %d, %d px: loss %.4f", done, last, phase.resolution, loss.item())
            checkpoint.save(done)
        if done % _JUDGED_EVERY == 0:
            log.info("held-out PSNR %.2f dB", held_out_psnr(average, code, held_out, phase.resolution))
    average = average.cpu()
    average.compute_dtype = torch.float32
    fit_mapping(average, torch.from_numpy(np.array(dataset.latents)).float(), codes, seed=seed)
    figures = {"code_psnr": held_out_psnr(average, code, held_out, SIZE)}
    return average.eval().requires_grad_(False), figures


def _adversary(steps: int, seed: int, device: torch.device, dtype: torch.dtype) -> Adversary:
    """A discriminator of the generator's own width, its weight slowly raised over half of the steps."""
    rivalry = Rivalry(
        pretraining=steps // 10,
        ramp=steps // 2,
        weight=_ADVERSARIAL_WEIGHT,
        gamma=penalty_factor(SIZE, PHASES[-1].batch),
    )
    discriminator = Discriminator(SIZE, CONFIG["channels"], compute_dtype=dtype).to(device)
    return Adversary(discriminator, rivalry, seed=seed)


@torch.no_grad()
def held_out_psnr(
    generator: Generator, code: ImageCode, held_out: PortraitDataset, resolution: int, count: int = 64
) -> float:
    """Return the mean PSNR (dB) of ``count`` portraits that the generator makes of their codes and noise."""
    device, index = generator.input.input.device, np.arange(min(count, len(held_out)))
    target = F.avg_pool2d(held_out.batch(index), SIZE // resolution).to(device)
    noise = noise_inputs(generator, held_out.texture_noise(index), torch.Generator().manual_seed(0))
    codes = code.encode(held_out)[index].to(device)
    image = generator(generator.repeat(codes), [level.to(device) for level in noise], resolution)
    error = (image.clamp(-1, 1) - target).square().mean((1, 2, 3))
    return (10 * torch.log10(4 / error)).mean().item()
