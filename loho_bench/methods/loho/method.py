"""LOHO as a method: networks and a batch of tuples in, blended portraits out."""

from __future__ import annotations

import torch
from torch import Tensor

from loho_bench.methods.loho.objective import Objective
from loho_bench.methods.loho.optimize import Problem, Solution, optimize
from loho_bench.methods.loho.targets import Targets, resize_to
from loho_bench.methods.optimization.synthesis import finish, latent_statistics, prepare_networks
from loho_bench.methods.protocol import Resources, Transfer, TupleBatch
from loho_bench.networks.graphonomy import HAIR
from loho_bench.settings.loho import LohoSettings


class Loho:
    """Latent Optimization of Hairstyles via Orthogonalization (CVPR 2021).

    Building it freezes the generator's and the feature network's weights and sets the arithmetic of
    their convolutions; losses are float32 always.
    """

    def __init__(self, settings: LohoSettings, resources: Resources) -> None:
        self.settings, self.resources = settings, resources
        prepare_networks(resources)
        generator = resources.generator
        self.size = min(generator.size, settings.working_resolution)
        self._latent_mean, self._latent_deviation = latent_statistics(generator)

    def transfer(self, batch: TupleBatch) -> Transfer:
        """Give every identity the hair structure and the hair appearance of its tuple.

        The result has the size of the generator; losses see it reduced to the working resolution.
        """
        batch = batch.to(self.resources.device)
        solution = self.solve(batch)
        with torch.no_grad():
            foreground = self.resources.generator.synthesis(solution.latents, solution.noise).clamp(-1, 1)
        finished = finish(foreground, batch, self.resources, self.size)
        return Transfer(
            images=finished.images,
            foreground=foreground,
            foreground_mask=finished.mask,
            latents=solution.latents,
            latent_mean=self._latent_mean,
            traces=solution.traces,
            inpainting=self.resources.inpainter.name,
        )

    def solve(self, batch: TupleBatch) -> Solution:
        """Search for the W+ and noise maps of ``batch``, whose tensors lie on the method's device."""
        return optimize(self.problem(batch), self.settings)

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
            cuda_graphs=self.resources.cuda_graphs,
        )

    @torch.no_grad()
    def _parse(self, image: Tensor) -> Tensor:
        """Give labels ``[N,1,H,W]`` of images ``[N,3,H,W]``, clamped to [-1,1]."""
        return self.resources.parser.parse(image.clamp(-1, 1))[:, None]
