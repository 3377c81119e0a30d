"""LOHO end to end on small random networks: batches, seeds, stages, passes and gradients."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from loho_bench.methods.batching import in_company
from loho_bench.methods.loho.method import Loho
from loho_bench.methods.loho.objective import Objective, pull_back
from loho_bench.methods.loho.optimize import optimize
from loho_bench.methods.loho.targets import Targets
from loho_bench.settings.loho import LohoOneStageSettings, LohoSettings, LossWeights

QUICK = {"steps_stage_one": 3, "steps_stage_two": 3, "style_resolution": 32}
# Of a size that makes every term count for these small networks.
WEIGHTS = LossWeights(structure=1, appearance=1, style=100, noise=1)


def make(**changes) -> LohoSettings:
    return LohoSettings(weights=WEIGHTS, **(QUICK | changes))


@pytest.fixture
def start(resources):
    """W+ and noise maps of three samples away from the mean latent."""
    draw = torch.Generator().manual_seed(8)
    generator = resources.generator
    latents = torch.randn(3, generator.num_latents, generator.style_dim, generator=draw)
    noise = [torch.randn(3, 1, r, r, generator=draw) for r in generator.noise_shapes]
    return latents.requires_grad_(), [level.requires_grad_() for level in noise]


def stage_two(resources, batch, start, settings):
    latents, noise = start
    targets = Targets.of(batch, resources.lpips, 32, settings)
    image = resources.generator.synthesis(latents, noise)
    objective = Objective(resources.lpips, targets, settings)
    return objective.transfer(image, batch.structure_hair, latents, noise)


def test_a_batch_gives_what_its_members_give_alone(resources, batch):
    """Rounding that depended on the batch would grow to visible differences within these steps."""
    method = Loho(make(steps_stage_one=10, steps_stage_two=10), resources)
    together = method.transfer(batch)
    for i in range(len(batch)):
        alone = in_company(method.transfer, batch.select([i]))
        assert (alone.images[0] - together.images[i]).abs().max() < 1e-3
        assert (alone.latents[0] - together.latents[i]).abs().max() < 1e-3
        for name, trace in together.traces.items():
            assert torch.allclose(alone.traces[name][:, 0], trace[:, i], rtol=1e-3, equal_nan=True), name
    turned = method.transfer(batch.select([2, 0]))
    assert (turned.images - together.images[[2, 0]]).abs().max() < 1e-3
    # The members do differ, or the above would say nothing.
    assert (together.images[0] - together.images[1]).abs().max() > 0.05


def test_seeds_decide(resources, batch):
    method = Loho(make(), resources)
    first, again = method.transfer(batch), method.transfer(batch)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.latents, again.latents)
    reseeded = method.transfer(dataclasses.replace(batch, seeds=(101, 7, 303)))
    assert (reseeded.latents[1] - first.latents[1]).abs().max() > 1e-3
    assert torch.allclose(reseeded.latents[0], first.latents[0], atol=1e-3)


def test_shapes_and_ranges(resources, batch):
    transfer = Loho(make(), resources).transfer(batch)
    assert transfer.images.shape == transfer.foreground.shape == (3, 3, 32, 32)
    assert transfer.foreground_mask.shape == (3, 1, 32, 32)
    assert transfer.images.abs().max() <= 1
    assert transfer.latents.shape == (3, resources.generator.num_latents, 16)
    assert all(trace.shape == (6, 3) for trace in transfer.traces.values())
    assert not transfer.images.requires_grad


def test_stage_one_finds_a_portrait_of_the_generator(resources, batch):
    """The identity loss falls far when the generator can draw the identity."""
    generator = resources.generator
    with torch.no_grad():
        draw = torch.Generator().manual_seed(2)
        latents = generator.repeat(generator.mapping(torch.randn(1, 16, generator=draw)))
        portrait = generator.synthesis(latents).clamp(-1, 1)
    ours = dataclasses.replace(batch.select([0]), identity=portrait, structure=portrait)
    settings = make(steps_stage_one=40, steps_stage_two=0)
    face = Loho(settings, resources).transfer(ours).traces["face"][:, 0]
    assert face[-1] < 0.3 * face[0]


def test_stage_two_brings_the_hair_of_the_third_portrait(resources, batch):
    settings = make(steps_stage_one=4, steps_stage_two=26)
    traces = Loho(settings, resources).transfer(batch).traces
    assert traces["appearance"][:4].isnan().all()
    assert traces["gradient_dot"][:4].isnan().all()
    assert (traces["appearance"][-1] < 0.5 * traces["appearance"][4]).all()


def test_projection_touches_the_structure_gradient_alone(resources, batch, start):
    off = stage_two(resources, batch, start, make(structure_in_stage_two="off"))
    go = stage_two(resources, batch, start, make())
    # What GO adds to W+ has no part along the hair gradient; the noise maps get nothing of it.
    latents, noise = start
    targets = Targets.of(batch, resources.lpips, 32, make())
    objective = Objective(resources.lpips, targets, make())
    hair_as_target = dataclasses.replace(
        objective, targets=dataclasses.replace(targets, hair_of_appearance=targets.hair_of_structure)
    )
    without_face = dataclasses.replace(
        hair_as_target,
        settings=make(structure_in_stage_two="off").model_copy(
            update={"weights": WEIGHTS.model_copy(update={"face": 0.0})}
        ),
    )
    image = resources.generator.synthesis(latents, noise)
    g_hair = without_face.transfer(image, batch.structure_hair, latents, noise).latents
    added = go.latents - off.latents
    cosine = torch.cosine_similarity(added, g_hair, dim=-1)
    used = added.norm(dim=-1) > 1e-3 * added.norm(dim=-1).max()
    assert used.any()
    assert cosine[used].abs().max() < 1e-2
    for a, b in zip(go.noise, off.noise, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-6 * b.abs().max().item())
    assert (go.traced["projected_gradient"] < go.traced["structure_gradient"]).all()


def test_no_go_is_a_structure_weight_of_zero(resources, batch, start):
    nothing = WEIGHTS.model_copy(update={"structure": 0.0})
    off = stage_two(resources, batch, start, make(structure_in_stage_two="off"))
    for mode in ("orthogonalized", "unprojected"):
        settings = make(structure_in_stage_two=mode).model_copy(update={"weights": nothing})
        same = stage_two(resources, batch, start, settings)
        assert torch.allclose(same.latents, off.latents, rtol=1e-4, atol=1e-6)
    unprojected = stage_two(resources, batch, start, make(structure_in_stage_two="unprojected"))
    assert not torch.allclose(unprojected.latents, off.latents, rtol=1e-2)


def test_both_ways_through_the_generator_agree(resources, start):
    latents, noise = start
    draw = torch.Generator().manual_seed(1)
    weights = torch.randn(3, 3, 3, 32, 32, generator=draw)
    found = []
    for batched in (False, True):
        image = resources.generator.synthesis(latents, noise)
        terms = [(image * w).mean(dim=(1, 2, 3)) for w in weights]
        found.append(pull_back(image, terms, latents, noise, batched=batched))
    (one_by_one, noise_one_by_one), (at_once, noise_at_once) = found
    assert torch.allclose(one_by_one, at_once, atol=1e-6)
    for a, b in zip(noise_one_by_one, noise_at_once, strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_networks_run_no_more_than_needed(resources, batch, monkeypatch):
    """A VGG pass a step in stage 1, two in stage 2; the parser at the ends of stages and for the blend."""
    vgg, passes = resources.lpips.vgg, []
    forward = type(vgg).forward
    monkeypatch.setattr(
        type(vgg), "forward", lambda self, x, layers: passes.append(1) or forward(self, x, layers)
    )
    method = Loho(make(), resources)
    problem = method.problem(batch)
    assert len(passes) == 4  # I1 and I2 for LPIPS, I2 and I3 for the hair
    optimize(problem, method.settings)
    assert len(passes) == 4 + 3 * 1 + 3 * 2
    assert resources.parser.calls == 2
    method.transfer(batch)
    assert resources.parser.calls == 2 + 3


def test_hair_iou_is_traced_where_asked(resources, batch):
    traces = Loho(make(trace_hair_iou_every=2), resources).transfer(batch).traces
    recorded = (~traces["hair_iou"][:, 0].isnan()).nonzero().flatten().tolist()
    assert recorded == [0, 2, 4, 5]  # every other, and the last of each stage


def test_gradients_are_traced_where_asked(resources, batch):
    quiet = Loho(make(structure_in_stage_two="off"), resources).transfer(batch)
    asked = Loho(make(structure_in_stage_two="off", trace_gradients_every=1), resources).transfer(batch)
    assert torch.equal(quiet.images, asked.images)
    # At the first iteration of stage 2 no variant has left the others yet.
    first, projecting = make().steps_stage_one, Loho(make(), resources).transfer(batch)
    for name in ("gradient_dot", "structure_gradient"):
        assert torch.allclose(asked.traces[name][first], projecting.traces[name][first], rtol=1e-3)
        assert quiet.traces[name].isnan().all()


def test_one_stage_renews_its_mask(resources, batch):
    settings = LohoOneStageSettings(weights=WEIGHTS, mask_every=2, **QUICK)
    transfer = Loho(settings, resources).transfer(batch)
    assert resources.parser.calls == 3 + 1 + 1  # steps 0, 2, 4; the last; the blend
    assert not transfer.traces["style"].isnan().any()
    assert transfer.traces["gradient_dot"].isnan().all()


def test_frozen_mask_is_that_of_the_last_image_of_stage_one(resources, batch):
    """Stage 2 must not see what the parser says later."""
    method = Loho(make(trace_hair_iou_every=1), resources)
    problem = method.problem(batch)
    seen, images = [], []
    transfer = type(problem.objective).transfer

    class Watched(Objective):
        def transfer(self, image, hair_mask, *variables, **options):
            seen.append(hair_mask)
            return transfer(self, image, hair_mask, *variables, **options)

    watched = Watched(problem.objective.lpips, problem.objective.targets, problem.objective.settings)
    optimize(
        dataclasses.replace(problem, objective=watched),
        method.settings,
        lambda _, image: images.append(image),
    )
    assert len(images) == 6
    assert len(seen) == 3
    expected = problem.hair_mask(images[2])
    assert all(torch.equal(mask, expected) for mask in seen)
    assert any(not torch.equal(problem.hair_mask(image), expected) for image in images[3:])


@pytest.mark.parametrize("masking", ["features", "inputs"])
@pytest.mark.parametrize("mode", ["orthogonalized", "unprojected", "off"])
def test_readings_and_modes_run_at_a_smaller_frame(resources, batch, masking, mode):
    settings = make(masking=masking, structure_in_stage_two=mode, working_resolution=16)
    transfer = Loho(settings, resources).transfer(batch)
    assert transfer.images.shape[-1] == 32
    assert transfer.images.isfinite().all()


@pytest.mark.parametrize("stages", [(0, 2), (2, 0)])
def test_either_stage_may_be_left_out(resources, batch, stages):
    settings = make(steps_stage_one=stages[0], steps_stage_two=stages[1])
    transfer = Loho(settings, resources).transfer(batch)
    assert transfer.traces["face"].isfinite().all()
    assert transfer.traces["style"].isnan().all() == (stages[1] == 0)


def test_reduced_precision_stays_near(networks, resources, batch):
    exact = Loho(make(), resources).transfer(batch)
    generator, lpips = networks
    coarse = dataclasses.replace(resources, precision="bfloat16")
    rounded = Loho(make(), coarse).transfer(batch)
    assert generator.compute_dtype == lpips.vgg.compute_dtype == torch.bfloat16
    assert rounded.images.dtype == torch.float32
    assert torch.allclose(rounded.traces["face"][0], exact.traces["face"][0], rtol=0.05)
    assert not torch.equal(rounded.traces["face"][0], exact.traces["face"][0])
    Loho(make(), resources)
    assert generator.compute_dtype == lpips.vgg.compute_dtype == torch.float32
