"""LOHO's loss weights for another feature network than VGG16.

The paper's factors belong to VGG16, whose features have a scale of their own. The rule here: at the start
of the stage in which a term first acts, its gradient shall have a fixed size relative to that of the
identity term. For structure, appearance and style that is the gradient by W+; for the regularization the
gradient by the noise maps. Norms are medians over tuples that no benchmark draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from loho_bench.methods.loho.method import Loho
from loho_bench.methods.loho.objective import Objective
from loho_bench.methods.loho.optimize import Problem, optimize
from loho_bench.methods.protocol import Resources, TupleBatch
from loho_bench.settings.loho import LohoSettings, LossWeights

RATIOS = {"structure": 15.0, "noise": 1.0, "appearance": 45.0, "style": 20.0}


def calibrate(
    resources: Resources,
    settings: LohoSettings,
    batch: TupleBatch,
    ratios: Mapping[str, float] = RATIOS,
) -> LossWeights:
    """Return the weights that the rule gives for these networks.

    Parameters
    ----------
    resources : Resources
    settings : LohoSettings
        Everything but the weights is kept.
    batch : TupleBatch
        Tuples to measure on.
    ratios : mapping
        For structure, noise, appearance and style: the size of its gradient, as a multiple of that of the
        identity term.
    """
    device = resources.device
    problem = Loho(settings, resources).problem(batch.to(device))
    latents = problem.latent_mean.repeat(len(batch), problem.num_latents, 1)
    draw = torch.Generator().manual_seed(0)
    noise = [torch.randn(len(batch), 1, r, r, generator=draw).to(device) for r in problem.noise_shapes]

    face, face_on_noise = _norms(problem, settings, "face", latents, noise)
    structure, _ = _norms(problem, settings, "structure", latents, noise)
    _, noise_on_noise = _norms(problem, settings, "noise", latents, noise)
    weights = LossWeights(
        face=1.0,
        structure=ratios["structure"] * face / structure,
        noise=ratios["noise"] * face_on_noise / noise_on_noise,
        appearance=0.0,
        style=0.0,
    )
    stage_one = settings.model_copy(update={"weights": weights, "steps_stage_two": 0})
    problem = replace(problem, objective=replace(problem.objective, settings=stage_one))
    latents, noise, _ = optimize(problem, stage_one)

    face, _ = _norms(problem, settings, "face", latents, noise)
    appearance, _ = _norms(problem, settings, "appearance", latents, noise)
    style, _ = _norms(problem, settings, "style", latents, noise)
    update = {
        "appearance": ratios["appearance"] * face / appearance,
        "style": ratios["style"] * face / style,
    }
    return weights.model_copy(update=update)


def _norms(
    problem: Problem, settings: LohoSettings, term: str, latents: Tensor, noise: list[Tensor]
) -> tuple[float, float]:
    """Return the median norms over tuples of one term's gradient, by W+ and by the noise maps."""
    alone = LossWeights(**{name: float(name == term) for name in LossWeights.model_fields})
    update = {"weights": alone, "structure_in_stage_two": "off"}
    objective = Objective(
        problem.objective.lpips, problem.objective.targets, settings.model_copy(update=update)
    )
    inputs = [level.detach().requires_grad_() for level in (latents, *noise)]
    image = problem.synthesize(inputs[0], inputs[1:])
    if term in ("appearance", "style"):
        gradients = objective.transfer(image, problem.hair_mask(image.detach()), inputs[0], inputs[1:])
    else:
        gradients = objective.reconstruct(image, inputs[0], inputs[1:])
    by_noise = torch.stack([level.square().sum((1, 2, 3)) for level in gradients.noise]).sum(0).sqrt()
    return gradients.latents.flatten(1).norm(dim=1).median().item(), by_noise.median().item()
