"""LOHO's loss weights for another feature network than VGG16.

The paper's factors belong to VGG16, whose features have a scale of their own. The rule here: at the start
of the stage in which a term first acts, its gradient shall have a fixed size relative to that of the
identity term. For structure, appearance and style that is the gradient by W+; for the regularization the
gradient by the noise maps. Norms are medians over tuples that no benchmark draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from loho_bench.errors import UserError
from loho_bench.methods.loho.method import Loho
from loho_bench.methods.loho.objective import Objective
from loho_bench.methods.loho.optimize import Problem, optimize
from loho_bench.methods.protocol import Resources, TupleBatch
from loho_bench.networks.graphonomy import FACE, HAIR
from loho_bench.settings.loho import LohoSettings, LossWeights
from loho_bench.training.dataset import PortraitDataset

RATIOS = {"structure": 8.0, "noise": 1.0, "appearance": 8.0, "style": 2.0}
_HAIR_FRACTION = 0.18
_CLOSEST_FACES = 0.7
_DRAWS_PER_TUPLE = 2000


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
        Tuples to measure on, see :func:`calibration_batch`.
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


def calibration_batch(portraits: PortraitDataset, count: int, seed: int) -> TupleBatch:
    """Draw ``count`` tuples from portraits of their own, masks exact.

    Every portrait has 18 % hair or more; the faces of identity and structure overlap by an IoU of 0.7 or
    more.

    Raises
    ------
    UserError
        The portraits have hardly any such tuple.
    """
    draw = np.random.default_rng(seed)
    hair = portraits.labels == HAIR
    face = portraits.labels == FACE
    eligible = np.flatnonzero(hair.mean((1, 2)) >= _HAIR_FRACTION)
    chosen = np.array(list(_draw_tuples(draw, eligible, face, count)))
    ids = tuple(f"calibration-{i:04d}" for i in range(count))
    return exact_batch(portraits, chosen, ids, tuple(range(count)))


def exact_batch(
    portraits: PortraitDataset, chosen: np.ndarray, tuple_ids: tuple[str, ...], seeds: tuple[int, ...]
) -> TupleBatch:
    """Make a batch of the tuples ``chosen`` [N, 3], indices of identity, structure and appearance.

    Its masks are the renderer's own.
    """
    images, masks = {}, {}
    for role, ids in zip(("identity", "structure", "appearance"), chosen.T, strict=True):
        images[role] = portraits.batch(ids)
        for part, label in (("hair", HAIR), ("face", FACE)):
            mask = torch.from_numpy(portraits.labels[ids] == label)
            masks[f"{role}_{part}"] = mask.float()[:, None]
    return TupleBatch(tuple_ids=tuple_ids, seeds=seeds, **images, **masks)


def _draw_tuples(
    draw: np.random.Generator, eligible: np.ndarray, face: np.ndarray, count: int
) -> Iterator[tuple[int, int, int]]:
    for _ in range(count * _DRAWS_PER_TUPLE if len(eligible) >= 3 else 0):
        identity, structure, appearance = draw.choice(eligible, 3, replace=False)
        overlap = (face[identity] & face[structure]).sum() / (face[identity] | face[structure]).sum()
        if overlap >= _CLOSEST_FACES:
            yield identity, structure, appearance
            count -= 1
            if count == 0:
                return
    raise UserError(
        f"cannot draw the tuples to calibrate on: {count} are missing",
        cause=f"of {len(face)} portraits {len(eligible)} have {_HAIR_FRACTION:.0%} hair, and too few pairs "
        f"of these have faces that overlap by an IoU of {_CLOSEST_FACES:g}",
        remedy="give more portraits",
    )


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
