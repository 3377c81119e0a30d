"""Seven steps of the official optimisation loop: losses, gradients and the whole path.

The reference ran the unchanged code of LOHO on a 128-pixel generator of full width, three steps in
stage 1 and four in stage 2, from networks whose weights follow from their names.
"""

from __future__ import annotations

import json

import pytest
import torch
from golden_weights import stylegan2_weights
from safetensors.torch import load_file

from loho_bench.methods.loho import optimize as loop
from loho_bench.methods.loho.objective import Objective
from loho_bench.methods.loho.targets import Targets
from loho_bench.methods.protocol import TupleBatch
from loho_bench.networks.lpips import Lpips
from loho_bench.networks.stylegan2 import Generator
from loho_bench.settings.loho import LohoSettings

pytestmark = pytest.mark.slow

SIZE, CHANNELS = 128, {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256}
# The reference dilates and erodes by 5 pixels at any size: 10 in a frame of 256.
SETTINGS = LohoSettings(steps_stage_one=3, steps_stage_two=4, margin=10)
LOSSES = {
    "face": ("facerec_loss", 1),
    "structure": ("hairrec_loss", 1),
    "appearance": ("hairappearance_3g_loss", 40),
    "style": ("hairstyle_3g_loss", 1.5e4),
    "noise": ("n_loss", 1e5),
}


@pytest.fixture(scope="module")
def reference(golden) -> dict[str, torch.Tensor]:
    return load_file(golden / "loho_loop" / "trajectory_128.safetensors")


@pytest.fixture(scope="module")
def generator(golden) -> Generator:
    salt = json.loads((golden / "params.json").read_text())["loho_loop"]["salt"]
    with torch.device("meta"):
        blank = Generator(SIZE, 512, 8, CHANNELS)
    shapes = {key: tuple(value.shape) for key, value in blank.state_dict().items()}
    state = stylegan2_weights(shapes, salt)
    for key in state:
        if key.startswith("to_rgb") and key.endswith(("conv.weight", ".bias")) and "modulation" not in key:
            state[key] = 0.2 * state[key]
    return Generator.from_state_dict(state)


@pytest.fixture(scope="module")
def objective(golden, reference, published_heads, rebuilt_vgg) -> Objective:
    salt = json.loads((golden / "params.json").read_text())["loho_loop"]["salt"]
    lpips = Lpips(rebuilt_vgg(salt), published_heads)
    blank = torch.zeros_like(reference["HM_1"])
    batch = TupleBatch(
        tuple_ids=("reference",),
        identity=reference["I_1"],
        structure=reference["I_2"],
        appearance=reference["I_3"],
        identity_hair=reference["HM_1"],
        identity_face=reference["FM_1"],
        structure_hair=reference["HM_2"],
        structure_face=blank,
        appearance_hair=reference["HM_3"],
        appearance_face=blank,
        seeds=(0,),
    )
    return Objective(lpips, Targets.of(batch, lpips, SIZE, SETTINGS), SETTINGS)


def maps(reference, name: str) -> list[torch.Tensor]:
    return [reference[f"{name}_{j}"] for j in range(11)]


def assert_near(got: torch.Tensor, expected: torch.Tensor, tolerance: float, what: str) -> None:
    assert (got - expected).norm() <= tolerance * expected.norm(), what


def test_targets_match_the_reference(reference, objective):
    face_region = reference["FM_1"] * (1 - reference["HM_2D"].float())
    assert torch.equal(objective.targets.hair_region, reference["HM_2E"].float())
    assert torch.equal(objective.targets.face_region, face_region)


@pytest.mark.parametrize("step", [2, 3, 6])
def test_losses_and_gradients_of_a_step(reference, generator, objective, step):
    latents = reference[f"s{step}.latent_noised"].clone().requires_grad_()
    noise = [level.clone().requires_grad_() for level in maps(reference, f"s{step}.noise_before")]
    image = generator.synthesis(latents, noise)
    if f"s{step}.I_G" in reference:
        assert (image - reference[f"s{step}.I_G"]).abs().max() < 1e-3 * reference[f"s{step}.I_G"].std()
    if step < SETTINGS.steps_stage_one:
        got = objective.reconstruct(image, latents, noise)
    else:
        got = objective.transfer(image, reference[f"s{step}.mask2"].float(), latents, noise)
    for name, value in got.traced.items():
        if name in LOSSES:
            key, weight = LOSSES[name]
            assert weight * value.item() == pytest.approx(reference[f"s{step}.{key}"].item(), rel=1e-4), name
    assert_near(got.latents, reference[f"s{step}.latent_grad_used"], 1e-3, "W+")
    for j, (mine, theirs) in enumerate(zip(got.noise, maps(reference, f"s{step}.noise_grad"), strict=True)):
        assert_near(mine, theirs, 1e-3, f"noise map {j}")
    if step >= SETTINGS.steps_stage_one:
        dot = (reference[f"s{step}.g_L"] * reference[f"s{step}.g_S2"]).sum()
        assert got.traced["gradient_dot"].item() == pytest.approx(dot.item(), rel=1e-2)
        squared = reference[f"s{step}.adjusted_g_L"].square().sum()
        assert got.traced["projected_gradient"].item() == pytest.approx(squared.item(), rel=2e-3)


def test_the_whole_path(reference, generator, objective, monkeypatch):
    """Adam, schedule, frozen mask and normalisation together, given the same random numbers and masks."""
    deviation = reference["latent_std"].item()
    recorded = list(maps(reference, "s0.noise_before"))
    for step in range(6):  # the seventh step comes after the noise on W+ has faded
        shift = reference[f"s{step}.latent_noised"] - reference[f"s{step}.latent_before"]
        recorded.append(shift / reference[f"s{step}.noise_strength"].float())
    draws = iter(recorded)

    class Recorded:
        def __init__(self, seeds, device):
            pass

        def normal(self, *shape):
            return next(draws).clone()

    monkeypatch.setattr(loop, "_Draws", Recorded)
    steps = iter(range(7))
    asked = []

    def hair_mask(image):
        asked.append(step_now[0])
        return reference[f"s{step_now[0]}.HM_G"].float()

    step_now = [0]

    def synthesize(latents, noise):
        step_now[0] = next(steps)
        assert_near(
            latents, reference[f"s{step_now[0]}.latent_noised"], 1e-2, f"W+ before step {step_now[0]}"
        )
        return generator.synthesis(latents, noise)

    problem = loop.Problem(
        objective=objective,
        synthesize=synthesize,
        hair_mask=hair_mask,
        latent_mean=reference["latent_mean"],
        latent_deviation=deviation,
        num_latents=generator.num_latents,
        noise_shapes=generator.noise_shapes,
        seeds=(0,),
    )
    solution = loop.optimize(problem, SETTINGS)
    assert asked == [2, 6]  # the mask of the last image of stage 1, and one for the trace
    assert_near(solution.latents, reference["final.latent"], 1e-2, "W+")
    for j, (mine, theirs) in enumerate(zip(solution.noise, maps(reference, "final.noise"), strict=True)):
        assert_near(mine, theirs, 5e-2, f"noise map {j}")
    for name, (key, weight) in LOSSES.items():
        first = 0 if name in ("face", "structure", "noise") else SETTINGS.steps_stage_one
        expected = torch.stack([reference[f"s{step}.{key}"] for step in range(first, 7)]).flatten()
        assert torch.allclose(weight * solution.traces[name][first:, 0], expected, rtol=2e-2), name
    assert solution.traces["style"][: SETTINGS.steps_stage_one].isnan().all()
