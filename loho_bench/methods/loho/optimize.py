"""The loop: Adam over W+ and the noise maps, in two stages.

A pure function of a :class:`Problem` and settings. Nothing in a step waits for the device: traces are
written into tensors that live there, and random numbers come from the host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from loho_bench.annotation.masks import iou
from loho_bench.methods.loho.capture import Captured
from loho_bench.methods.loho.noise import normalize_noise_
from loho_bench.methods.loho.objective import Gradients, Objective
from loho_bench.methods.loho.schedule import latent_noise_factor, learning_rate
from loho_bench.methods.optimization.adam import Adam
from loho_bench.methods.optimization.draws import Draws, SeededDraws
from loho_bench.methods.optimization.traces import Traces
from loho_bench.settings.loho import LohoSettings

TRACES = (
    "face",
    "structure",
    "appearance",
    "style",
    "noise",
    "gradient_dot",
    "gradient_cosine",
    "structure_gradient",
    "projected_gradient",
    "hair_iou",
)


class Evaluation(NamedTuple):
    """What an iteration learns: ``I_G`` ``[N,3,H,W]`` without its graph, and the gradients."""

    image: Tensor
    gradients: Gradients


@dataclass(frozen=True)
class Problem:
    """A batch of ``N`` tuples as the loop sees it.

    ``synthesize`` makes ``I_G`` ``[N,3,H,W]`` at the working resolution of W+ ``[N,L,D]`` and of maps
    ``[N,1,r,r]``, ``r`` in ``noise_shapes``; ``hair_mask`` finds ``M_G^h`` ``[N,1,H,W]`` in it.
    ``latent_mean`` ``[D]`` and ``latent_deviation`` (one number) describe W; every sample has a seed, which
    its random numbers come from unless ``draws`` brings them: those are asked for each noise map in turn,
    ``(1, r, r)``, and then in every step that perturbs W+, ``(L, D)``. ``cuda_graphs`` records iterations on
    a GPU and replays them.
    """

    objective: Objective
    synthesize: Callable[[Tensor, Sequence[Tensor]], Tensor]
    hair_mask: Callable[[Tensor], Tensor]
    latent_mean: Tensor
    latent_deviation: float
    num_latents: int
    noise_shapes: Sequence[int]
    seeds: Sequence[int]
    draws: Draws | None = None
    cuda_graphs: bool = False

    def select(self, rows: Sequence[int]) -> Problem:
        """Give the problem of some of the tuples, or of some of them twice; they bring their own draws."""
        seeds = [self.seeds[row] for row in rows]
        return replace(self, objective=self.objective.select(rows), seeds=seeds, draws=None)

    @torch.no_grad()
    def find_hair(self, latents: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Give ``M_G^h`` ``[N,1,H,W]`` of the image that latents and noise maps make."""
        return self.hair_mask(self.synthesize(latents, noise))

    def evaluate(
        self,
        latents: Tensor,
        noise: Sequence[Tensor],
        hair_mask: Tensor | None,
        *,
        trace_gradients: bool = False,
    ) -> Evaluation:
        """Synthesize ``I_G`` and differentiate its losses: without ``hair_mask`` those of stage 1."""
        inputs = [level.detach().requires_grad_() for level in (latents, *noise)]
        image = self.synthesize(inputs[0], inputs[1:])
        if hair_mask is None:
            gradients = self.objective.reconstruct(image, inputs[0], inputs[1:])
        else:
            gradients = self.objective.transfer(
                image, hair_mask, inputs[0], inputs[1:], trace_gradients=trace_gradients
            )
        return Evaluation(image.detach(), gradients)


class Solution(NamedTuple):
    """W+ ``[N,L,D]`` without perturbation, normalised noise maps, traces ``[steps,N]`` on the host.

    The losses in the traces carry no weight; what a step does not know is nan there.
    """

    latents: Tensor
    noise: list[Tensor]
    traces: dict[str, Tensor]


Callback = Callable[[int, Tensor], None]


def optimize(problem: Problem, settings: LohoSettings, callback: Callback | None = None) -> Solution:
    """Find W+ and noise maps for every tuple of ``problem``.

    Stage 1 minimises ``L_f``, ``L_r`` and ``L_n`` from the mean latent. The hair mask ``M_G^h`` of its
    last image is frozen, and stage 2 adds ``L_a`` and ``L_s`` inside of it (see
    :meth:`Objective.transfer`). Adam and its moments run through. Losses are evaluated at latents with
    noise that fades; the latents returned have none.

    ``callback(step, image)``, if given, sees every image at the working resolution.
    """
    device = problem.latent_mean.device
    draws = problem.draws or SeededDraws(problem.seeds, device)
    latents = problem.latent_mean.repeat(len(problem.seeds), problem.num_latents, 1)
    noise = [draws.normal(1, r, r) for r in problem.noise_shapes]
    adam = Adam([latents, *noise])
    traces = Traces(TRACES, settings.steps, len(problem.seeds), device)
    hair_mask: Tensor | None = None
    evaluate = Captured(problem.evaluate) if problem.cuda_graphs else problem.evaluate

    for step in range(settings.steps):
        progress = step / settings.steps
        perturbed = perturb(latents, problem.latent_deviation, draws, progress, settings)
        transferring = settings.joint or step >= settings.steps_stage_one
        if transferring and (hair_mask is None or (settings.joint and step % settings.mask_every == 0)):
            hair_mask = problem.find_hair(perturbed, noise)
        image, gradients = evaluate(
            perturbed,
            noise,
            hair_mask if transferring else None,
            trace_gradients=_due(step, settings.trace_gradients_every),
        )
        traces.record(step, gradients.traced)
        ends_stage = step == settings.steps - 1 or (
            step == settings.steps_stage_one - 1 and not settings.joint
        )
        if ends_stage or _due(step, settings.trace_hair_iou_every):
            found = problem.hair_mask(image)
            traces.record(step, {"hair_iou": iou(problem.objective.targets.structure_hair, found)})
            if ends_stage:
                hair_mask = found
        rate = learning_rate(progress, settings.learning_rate, settings.rampup, settings.rampdown)
        adam.step((gradients.latents, *gradients.noise), rate)
        normalize_noise_(noise)
        if callback is not None:
            callback(step, image)

    return Solution(latents, noise, traces.on_host())


def perturb(
    latents: Tensor, deviation: float, draws: Draws, progress: float, settings: LohoSettings
) -> Tensor:
    """Add to W+ ``[N,L,D]`` the noise of an iteration, which fades as ``progress`` goes from 0 to 1."""
    factor = latent_noise_factor(progress, settings.latent_noise, settings.latent_noise_ramp)
    return latents if factor == 0 else latents + factor * deviation * draws.normal(*latents.shape[1:])


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
