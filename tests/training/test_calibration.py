"""Calibrated loss weights: with them, every term's gradient has the size that the rule gives it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_networks import small_networks

from loho_bench.methods.loho.method import Loho
from loho_bench.methods.loho.noise import noise_loss
from loho_bench.methods.loho.optimize import optimize
from loho_bench.methods.loho.targets import describe_hair
from loho_bench.methods.protocol import Resources
from loho_bench.networks.graphonomy import FACE, HAIR
from loho_bench.settings.loho import LohoSettings, LossWeights
from loho_bench.settings.project import TupleSettings
from loho_bench.training import calibration
from loho_bench.training.calibration import calibrate
from loho_bench.training.tuples import choose_tuples, make_batch

SETTINGS = LohoSettings(steps_stage_one=3, steps_stage_two=5, style_resolution=32)


class HalvesParser:
    """Calls the upper half of every image hair and the lower half face."""

    def parse(self, images):
        labels = torch.full(images[:, 0].shape, FACE, dtype=torch.uint8)
        labels[:, : images.shape[2] // 2] = HAIR
        return labels


@pytest.fixture(scope="module")
def resources() -> Resources:
    return Resources(*small_networks(), HalvesParser(), torch.device("cpu"))


@pytest.fixture(scope="module")
def batch(portraits):
    return make_batch(portraits, choose_tuples(portraits, TupleSettings(), 3, seed=0)[:3], seed=0)


def sizes(losses: dict[str, torch.Tensor], by: list[torch.Tensor]) -> dict[str, float]:
    """Median over samples of the gradient norms of losses ``[N]``."""
    found = {}
    for name, loss in losses.items():
        gradients = torch.autograd.grad(loss.sum(), by, retain_graph=True)
        flat = torch.cat([gradient.flatten(1) for gradient in gradients], dim=1)
        found[name] = flat.norm(dim=1).median().item()
    return found


@pytest.mark.parametrize(
    "ratios",
    [calibration.RATIOS, {"structure": 2.0, "noise": 0.5, "appearance": 3.0, "style": 0.25}],
    ids=["as they are", "others"],
)
def test_gradients_have_the_sizes_of_the_rule(resources, batch, ratios):
    weights = calibrate(resources, SETTINGS, batch, ratios)
    assert weights.face == 1

    problem = Loho(SETTINGS, resources).problem(batch)
    draw = torch.Generator().manual_seed(0)
    noise = [torch.randn(3, 1, r, r, generator=draw).requires_grad_() for r in problem.noise_shapes]
    latents = problem.latent_mean.repeat(3, problem.num_latents, 1).requires_grad_()
    face, structure = problem.objective._reconstruction(problem.synthesize(latents, noise))
    by_latents = sizes({"face": face, "structure": structure}, [latents])
    by_noise = {**sizes({"face": face}, noise), **sizes({"noise": noise_loss(noise)}, noise)}
    assert weights.structure * by_latents["structure"] == pytest.approx(
        ratios["structure"] * by_latents["face"], rel=1e-3
    )
    assert weights.noise * by_noise["noise"] == pytest.approx(ratios["noise"] * by_noise["face"], rel=1e-3)

    # The second stage begins where the first, run with the weights found, has ended.
    first = LossWeights(face=1, structure=weights.structure, noise=weights.noise, appearance=0, style=0)
    stage_one = SETTINGS.model_copy(update={"weights": first, "steps_stage_two": 0})
    objective = replace(problem.objective, settings=stage_one)
    latents, noise, _ = optimize(replace(problem, objective=objective), stage_one)
    latents.requires_grad_()
    image = problem.synthesize(latents, noise)
    face, _ = problem.objective._reconstruction(image)
    hair = describe_hair(resources.lpips, image, problem.hair_mask(image.detach()), SETTINGS)
    appearance, style = problem.objective._hair_losses(hair, problem.objective.targets.hair_of_appearance)
    found = sizes({"face": face, "appearance": appearance, "style": style}, [latents])
    for name in ("appearance", "style"):
        assert getattr(weights, name) * found[name] == pytest.approx(ratios[name] * found["face"], rel=1e-2)
