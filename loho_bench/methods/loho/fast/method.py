"""LOHO's fast profile as a method."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from torch import Tensor

from loho_bench.methods.loho.fast.search import Search
from loho_bench.methods.loho.fast.start import Bank, start_from
from loho_bench.methods.loho.method import Loho
from loho_bench.methods.loho.objective import Objective
from loho_bench.methods.loho.optimize import Problem, Solution
from loho_bench.methods.loho.targets import Targets, resize_to
from loho_bench.methods.protocol import Resources, TupleBatch
from loho_bench.settings.loho import LohoFastSettings

_SMALLEST = 16  # pixels: VGG's last block halves images four times


class LohoFast(Loho):
    """LOHO with fewer iterations, early stopping, small images to begin with, or another start."""

    settings: LohoFastSettings

    def __init__(self, settings: LohoFastSettings, resources: Resources) -> None:
        super().__init__(settings.as_run(), resources)

    def solve(self, batch: TupleBatch) -> Solution:
        """Search for the W+ and noise maps of ``batch``, whose tensors lie on the method's device."""
        fine, shares = self.problem(batch), self.settings.coarse_to_fine
        coarse = self._small(batch, fine) if shares.stage_one or shares.stage_two else fine
        return Search(fine, coarse, self._start(batch, fine), self.settings).run()

    def _small(self, batch: TupleBatch, fine: Problem) -> Problem:
        """Give the problem ``fine`` on images of which the generator computes the coarse levels alone."""
        generator, lpips = self.resources.generator, self.resources.lpips
        resolution = max(generator.size // self.settings.coarse_to_fine.divisor, _SMALLEST)
        frame = min(resolution, self.size)
        style = max(_SMALLEST, self.settings.style_resolution * frame // self.size)
        settings = self.settings.model_copy(update={"style_resolution": style})
        return replace(
            fine,
            objective=Objective(lpips, Targets.of(batch, lpips, frame, settings), settings),
            synthesize=lambda latents, noise: resize_to(
                generator.synthesis(latents, noise, resolution), frame
            ),
            noise_shapes=[shape for shape in fine.noise_shapes if shape <= resolution],
        )

    def _start(self, batch: TupleBatch, fine: Problem) -> Tensor:
        """Give the W+ ``[N,L,D]`` that the search of every tuple starts from."""
        if self.settings.start.portraits:
            latents = start_from(self._bank, batch, fine.objective.targets, self.settings.start.ridge)
            return latents[:, None].repeat(1, fine.num_latents, 1)
        return fine.latent_mean.repeat(len(batch), fine.num_latents, 1)

    @cached_property
    def _bank(self) -> Bank:
        """Made with the first batch, and counted in its seconds."""
        return Bank.of(self.resources.generator, self.settings.start)
