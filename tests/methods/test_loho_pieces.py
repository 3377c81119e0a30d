"""Schedules, orthogonalization and noise maps, against reference numbers and their defining properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from loho_bench.methods.loho.noise import noise_loss, normalize_noise_
from loho_bench.methods.loho.orthogonalization import orthogonalize
from loho_bench.methods.loho.schedule import latent_noise_factor, learning_rate


@pytest.fixture(scope="module")
def noise_reference(golden):
    return load_file(golden / "noise_losses.safetensors")


def maps_of(reference, tag: str, name: str) -> list[torch.Tensor]:
    count = sum(key.startswith(f"{tag}.{name}_") for key in reference)
    return [reference[f"{tag}.{name}_{i}"] for i in range(count)]


def test_schedules_match_the_reference(golden):
    stored = np.load(golden / "schedules.npz")
    steps = int(stored["steps"])
    rates = [learning_rate(k / steps, 0.1, 0.05, 0.25) for k in range(steps)]
    factors = [latent_noise_factor(k / steps, 0.05, 0.75) for k in range(steps)]
    assert np.allclose(rates, stored["lr_0"], rtol=1e-14, atol=1e-18)
    assert np.allclose(factors, stored["latent_noise_factor_ramp0.75_noise0.05"], rtol=1e-14, atol=1e-18)
    assert rates[0] == 0


def test_projection_matches_the_reference(golden):
    stored = load_file(golden / "gradient_orthogonalisation.safetensors")
    projected = orthogonalize(stored["g_R"], stored["g_AS"])
    error = (projected - stored["projected_per_sample"]).flatten(0, 1).norm(dim=1)
    scale = stored["g_R"].flatten(0, 1).norm(dim=1).clamp(min=1e-12)
    assert (error / scale).max() < 1e-5
    # Sample 0 holds the special rows: no direction, and a direction too short to count.
    assert torch.equal(projected[0, 2], stored["g_R"][0, 2])
    assert torch.allclose(projected[0, 4], stored["g_R"][0, 4], atol=1e-3 * stored["g_R"][0, 4].abs().max())


def test_projected_gradient_is_orthogonal_to_the_hair_gradient():
    draw = torch.Generator().manual_seed(0)
    structure, hair = (torch.randn(3, 7, 32, generator=draw, dtype=torch.float64) for _ in range(2))
    projected = orthogonalize(structure, hair)
    assert (projected * hair).sum(-1).abs().max() < 1e-12
    # The step is a projection: repeating it changes nothing, and vectors along g_AS vanish.
    assert torch.allclose(orthogonalize(projected, hair), projected)
    assert orthogonalize(-2.5 * hair, hair).abs().max() < 1e-12


@pytest.mark.parametrize("tag", ["r4_b1", "r64_b1"])
def test_noise_loss_and_gradient_match_the_reference(noise_reference, tag):
    noise = [level.requires_grad_() for level in maps_of(noise_reference, tag, "noise")]
    value = noise_loss(noise)
    assert value.shape == (1,)
    assert value.item() == pytest.approx(noise_reference[f"{tag}.regularize"].item(), rel=1e-5)
    for got, expected in zip(
        torch.autograd.grad(value.sum(), noise), maps_of(noise_reference, tag, "grad"), strict=True
    ):
        assert (got - expected).norm() < 1e-4 * expected.norm()
    for level, expected in zip(noise, noise_reference[f"{tag}.regularize_per_map"], strict=True):
        assert noise_loss([level]).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("tag", ["r4_b1", "r64_b1"])
def test_normalisation_matches_the_reference(noise_reference, tag):
    noise = [level.clone() for level in maps_of(noise_reference, tag, "noise")]
    normalize_noise_(noise)
    for got, expected in zip(noise, maps_of(noise_reference, tag, "normalized"), strict=True):
        assert torch.allclose(got, expected, atol=1e-5)


def test_noise_of_a_batch_is_that_of_its_members(noise_reference):
    """The reference mixes the samples of a batch; here each counts for itself."""
    noise = maps_of(noise_reference, "r16_b2", "noise")
    together = noise_loss(noise)
    alone = torch.cat([noise_loss([level[i : i + 1] for level in noise]) for i in range(2)])
    assert torch.allclose(together, alone, rtol=1e-6)
    normalize_noise_(noise)
    for level in noise:
        assert torch.allclose(level.mean(dim=(1, 2, 3)), torch.zeros(2), atol=1e-6)
        assert torch.allclose(level.std(dim=(1, 2, 3)), torch.ones(2), atol=1e-6)


def test_noise_loss_sees_signal():
    """White noise costs little, a smooth map much: the reason for equation 7."""
    draw = torch.Generator().manual_seed(0)
    white = torch.randn(1, 1, 64, 64, generator=draw)
    smooth = torch.nn.functional.avg_pool2d(white, 5, stride=1, padding=2)
    smooth = smooth / smooth.std()
    assert noise_loss([smooth]) > 10 * noise_loss([white])
