"""LOHO as a method: networks and a batch of tuples in, blended portraits out."""

from __future__ import annotations

import torch
from torch import Tensor

from loho_bench.methods.compositing import blend, inpaint_background, soft_mask
from loho_bench.methods.loho.objective import Objective
from loho_bench.methods.loho.optimize import Problem, optimize
from loho_bench.methods.loho.targets import Targets, resize_to
from loho_bench.methods.protocol import Resources, Transfer, TupleBatch
from loho_bench.networks.graphonomy import FACE, HAIR
from loho_bench.settings.loho import LohoSettings

_LATENT_SAMPLES = 10_000
_LATENT_SEED = 0


class Loho:
    """Latent Optimization of Hairstyles via Orthogonalization (CVPR 2021).

    Building it freezes the generator's and the feature network's weights and sets the arithmetic of
    their convolutions; losses are float32 always.
    """

    def __init__(self, settings: LohoSettings, resources: Resources) -> None:
        self.settings, self.resources = settings, resources
        generator, lpips = resources.generator, resources.lpips
        for network in (generator, lpips):
            network.eval().requires_grad_(False)
        generator.compute_dtype = lpips.vgg.compute_dtype = resources.compute_dtype
        self.size = min(generator.size, settings.working_resolution)
        mean, deviation = generator.latent_statistics(_LATENT_SAMPLES, _LATENT_SEED)
        self._latent_mean, self._latent_deviation = mean, float(deviation)

    def transfer(self, batch: TupleBatch) -> Transfer:
        """Give every identity the hair structure and the hair appearance of its tuple.

        The result has the size of the generator; losses see it reduced to the working resolution.
        """
        if len(batch) == 1:
            # Kernels add up one sample in another order than each of several, and 2000 steps make much of
            # the last bit: run as two, a tuple gives on a processor exactly what it gives in company.
            return self.transfer(batch.select([0, 0])).select([0])
        batch = batch.to(self.resources.device)
        generator = self.resources.generator
        solution = optimize(self.problem(batch), self.settings)
        with torch.no_grad():
            foreground = generator.synthesis(solution.latents, solution.noise).clamp(-1, 1)
            labels = self._parse(resize_to(foreground, self.size))
        mask = soft_mask(((labels == HAIR) | (labels == FACE)).float(), generator.size)
        background = inpaint_background(
            resize_to(batch.identity, generator.size),
            resize_to(torch.maximum(batch.identity_hair, batch.identity_face), generator.size),
        )
        return Transfer(
            images=blend(foreground, background, mask),
            foreground=foreground,
            foreground_mask=mask,
            latents=solution.latents,
            latent_mean=self._latent_mean,
            traces=solution.traces,
        )

    def problem(self, batch: TupleBatch) -> Problem:
        """State the optimisation problem of ``batch``, whose tensors lie on the method's device."""
        generator, lpips = self.resources.generator, self.resources.lpips
        return Problem(
            objective=Objective(lpips, Targets.of(batch, lpips, self.size, self.settings), self.settings),
            synthesize=lambda latents, noise: resize_to(generator.synthesis(latents, noise), self.size),
            hair_mask=lambda image: (self._parse(image) == HAIR).float(),
            latent_mean=self._latent_mean,
            latent_deviation=self._latent_deviation,
            num_latents=generator.num_latents,
            noise_shapes=generator.noise_shapes,
            seeds=batch.seeds,
        )

    @torch.no_grad()
    def _parse(self, image: Tensor) -> Tensor:
        """Give labels ``[N,1,H,W]`` of images ``[N,3,H,W]``, clamped to [-1,1]."""
        return self.resources.parser.parse(image.clamp(-1, 1))[:, None]
