"""The loop: Adam over W+ and the noise maps, in two stages.

A pure function of a :class:`Problem` and settings. Nothing in a step waits for the device: traces are
written into tensors that live there, and random numbers come from the host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from loho_bench.annotation.masks import iou
from loho_bench.methods.loho.noise import normalize_noise_
from loho_bench.methods.loho.objective import Objective
from loho_bench.methods.loho.schedule import latent_noise_factor, learning_rate
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


@dataclass(frozen=True)
class Problem:
    """A batch of ``N`` tuples as the loop sees it.

    ``synthesize`` makes ``I_G`` ``[N,3,H,W]`` at the working resolution of W+ ``[N,L,D]`` and of maps
    ``[N,1,r,r]``, ``r`` in ``noise_shapes``; ``hair_mask`` finds ``M_G^h`` ``[N,1,H,W]`` in it.
    ``latent_mean`` ``[D]`` and ``latent_deviation`` (one number) describe W; every sample has a seed, which
    its random numbers come from unless ``draws`` brings them: those are asked for each noise map in turn,
    ``(1, r, r)``, and then in every step that perturbs W+, ``(L, D)``.
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
    variables = [latents, *noise]
    adam = torch.optim.Adam(variables, lr=settings.learning_rate)
    traces = Traces(TRACES, settings.steps, len(problem.seeds), device)
    hair_mask: Tensor | None = None

    for step in range(settings.steps):
        progress = step / settings.steps
        adam.param_groups[0]["lr"] = learning_rate(
            progress, settings.learning_rate, settings.rampup, settings.rampdown
        )
        factor = latent_noise_factor(progress, settings.latent_noise, settings.latent_noise_ramp)
        perturbed = latents.clone()
        if factor > 0:
            perturbed += factor * problem.latent_deviation * draws.normal(*latents.shape[1:])
        inputs = [level.detach().requires_grad_() for level in (perturbed, *noise)]

        image = problem.synthesize(inputs[0], inputs[1:])
        transferring = settings.joint or step >= settings.steps_stage_one
        renewing = _renews_mask(step, settings)
        if renewing or _traces_iou(step, settings):
            found = problem.hair_mask(image.detach())
            traces.record(step, {"hair_iou": iou(problem.objective.targets.structure_hair, found)})
            hair_mask = found if renewing else hair_mask

        if transferring:
            gradients = problem.objective.transfer(
                image,
                hair_mask,
                inputs[0],
                inputs[1:],
                trace_gradients=_due(step, settings.trace_gradients_every),
            )
        else:
            gradients = problem.objective.reconstruct(image, inputs[0], inputs[1:])
        traces.record(step, gradients.traced)
        for variable, gradient in zip(variables, (gradients.latents, *gradients.noise), strict=True):
            variable.grad = gradient
        adam.step()
        normalize_noise_(noise)
        if callback is not None:
            callback(step, image.detach())

    return Solution(latents, noise, traces.on_host())


def _renews_mask(step: int, settings: LohoSettings) -> bool:
    """Say whether the image of ``step`` defines ``M_G^h``: in two stages the last of stage 1 does."""
    if settings.joint:
        return step % settings.mask_every == 0
    return step == max(settings.steps_stage_one - 1, 0)


def _traces_iou(step: int, settings: LohoSettings) -> bool:
    ends = (settings.steps_stage_one - 1, settings.steps - 1)
    return step in ends or _due(step, settings.trace_hair_iou_every)


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
