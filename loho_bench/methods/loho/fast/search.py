"""The loop of the fast profile: tuples leave a phase when they have got what it gives.

A tuple's W+, noise maps, Adam and random numbers are its own, and only the networks see several tuples
together: its result does not depend on its company.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from loho_bench.annotation.masks import iou
from loho_bench.methods.loho.fast.phases import Phase, phases
from loho_bench.methods.loho.fast.plateau import PlateauWatch
from loho_bench.methods.loho.noise import normalize_noise_
from loho_bench.methods.loho.optimize import TRACES, Evaluation, Problem, Solution, perturb
from loho_bench.methods.loho.schedule import learning_rate
from loho_bench.methods.loho.targets import resize_to
from loho_bench.methods.optimization.adam import Adam
from loho_bench.methods.optimization.draws import SeededDraws
from loho_bench.methods.optimization.traces import Traces
from loho_bench.settings.loho import LohoFastSettings, LossWeights


class _Tuple:
    """The state of one tuple: W+ ``[1,L,D]``, noise maps ``[1,1,r,r]``, and ``M_G^h`` once it is known."""

    def __init__(self, start: Tensor, noise_shapes: Sequence[int], seed: int) -> None:
        self.draws = SeededDraws([seed], start.device)
        self.latents = start[None].clone()
        self.noise = [self.draws.normal(1, r, r) for r in noise_shapes]
        self.hair_mask: Tensor | None = None
        self._adam = Adam([self.latents, *self.noise])

    def step(self, gradients: Sequence[Tensor], rate: float) -> None:
        """Follow the gradients of W+ and of the coarsest noise maps; the other maps stay as they are."""
        without = [torch.zeros_like(level) for level in self.noise[len(gradients) - 1 :]]
        self._adam.step([*gradients, *without], rate)
        normalize_noise_(self.noise)


@dataclass(frozen=True)
class Search:
    """The optimisation of a batch of ``N`` tuples.

    ``fine`` is LOHO's problem, ``coarse`` the same on small images, whose generator sees the coarsest noise
    maps alone; ``start`` ``[N,L,D]`` is the W+ to start from.
    """

    fine: Problem
    coarse: Problem
    start: Tensor
    settings: LohoFastSettings

    def run(self) -> Solution:
        """Find W+ and noise maps for every tuple; traces are nan in the iterations that it skipped."""
        tuples = [
            _Tuple(start, self.fine.noise_shapes, seed)
            for start, seed in zip(self.start, self.fine.seeds, strict=True)
        ]
        traces = Traces(TRACES, self.settings.steps, len(tuples), self.start.device)
        for phase in phases(self.settings):
            self._take_through(phase, tuples, traces)
        noise = [torch.cat(levels) for levels in zip(*(one.noise for one in tuples), strict=True)]
        return Solution(torch.cat([one.latents for one in tuples]), noise, traces.on_host())

    def _take_through(self, phase: Phase, tuples: Sequence[_Tuple], traces: Traces) -> None:
        """Take all tuples through ``phase``; those that reach a plateau are no longer computed."""
        settings, whole = self.settings, self.coarse if phase.coarse else self.fine
        watch = PlateauWatch(len(tuples), phase.window, settings.early_stop.tolerance)
        active, problem = list(range(len(tuples))), whole
        for step in range(phase.first, phase.end):
            chosen = [tuples[i] for i in active]
            image, gradients = self._evaluate(problem, phase, step, chosen)
            traced = {name: values[: len(active)] for name, values in gradients.traced.items()}
            leaving = watch.see(weighted_sum(traced, settings.weights), active)
            leaving = active if step == phase.end - 1 else leaving
            due = not phase.coarse and _due(step, settings.trace_hair_iou_every)
            if due or (leaving and phase.ends_stage):
                found = self.fine.hair_mask(image)[: len(active)]
                traced["hair_iou"] = iou(problem.objective.targets.structure_hair[: len(active)], found)
                if not phase.transfers:
                    for one, mask in zip(chosen, found.split(1), strict=True):
                        one.hair_mask = mask
            traces.record(step, {name: _spread(v, active, len(tuples)) for name, v in traced.items()})
            rate = learning_rate(
                step / settings.steps, settings.learning_rate, settings.rampup, settings.rampdown
            )
            by_tuple = zip(*(g.split(1) for g in (gradients.latents, *gradients.noise)), strict=True)
            for one, own in zip(chosen, by_tuple, strict=False):
                one.step(own, rate)
            if leaving:
                active = [i for i in active if i not in leaving]
                if not active:
                    return
                # The last of several is computed twice: kernels add up a lone sample in another order.
                problem = whole.select(active if len(active) > 1 else active * 2)

    def _evaluate(self, problem: Problem, phase: Phase, step: int, chosen: Sequence[_Tuple]) -> Evaluation:
        """Evaluate ``chosen`` together, over and over where ``problem`` has more rows."""
        settings, seen = self.settings, len(problem.noise_shapes)
        progress, copies = step / settings.steps, len(problem.seeds) // len(chosen)
        latents = [
            perturb(one.latents, problem.latent_deviation, one.draws, progress, settings) for one in chosen
        ]
        noise = zip(*(one.noise[:seen] for one in chosen), strict=True)
        together = [torch.cat(parts * copies) for parts in (tuple(latents), *noise)]
        masks = None
        if phase.transfers:
            for one, own in zip(chosen, latents, strict=True):
                if one.hair_mask is None:  # stage 1 has no iterations
                    one.hair_mask = self.fine.find_hair(own, one.noise)
            size = problem.objective.targets.structure_hair.shape[-1]
            masks = resize_to(torch.cat([one.hair_mask for one in chosen] * copies), size)
        return problem.evaluate(
            together[0], together[1:], masks, trace_gradients=_due(step, settings.trace_gradients_every)
        )


def weighted_sum(losses: Mapping[str, Tensor], weights: LossWeights) -> Tensor:
    """Equation 8 ``[N]``, as far as its losses are known."""
    return sum(factor * losses[name] for name, factor in weights if name in losses)


def _spread(values: Tensor, active: Sequence[int], count: int) -> Tensor:
    """Put ``values`` of some tuples into ``[count]``, nan elsewhere."""
    spread = values.new_full((count,), torch.nan)
    spread[list(active)] = values
    return spread


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
