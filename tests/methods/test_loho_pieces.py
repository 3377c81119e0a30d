"""Schedules, orthogonalization and noise maps by their properties; tests/parity has the reference numbers."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from loho_bench.methods.loho.method import Loho
from loho_bench.methods.loho.noise import noise_loss, normalize_noise_
from loho_bench.methods.loho.optimize import SeededDraws, optimize
from loho_bench.methods.loho.orthogonalization import orthogonalize
from loho_bench.methods.loho.schedule import latent_noise_factor, learning_rate
from loho_bench.settings.loho import LohoSettings


def test_without_a_direction_nothing_is_projected():
    draw = torch.Generator().manual_seed(1)
    structure, hair = (torch.randn(1, 3, 32, generator=draw) for _ in range(2))
    hair[:, 0] = 0
    hair[:, 1] *= 1e-16  # shorter than what counts as a direction
    projected = orthogonalize(structure, hair)
    assert torch.equal(projected[:, 0], structure[:, 0])
    assert torch.allclose(projected[:, 1], structure[:, 1], rtol=1e-3, atol=1e-3)
    assert not torch.allclose(projected[:, 2], structure[:, 2], rtol=1e-3, atol=1e-3)


def test_the_first_step_moves_nothing_and_the_noise_fades():
    assert learning_rate(0, 0.1, 0.05, 0.25) == 0
    assert learning_rate(0.5, 0.1, 0.05, 0.25) == 0.1
    assert latent_noise_factor(0, 0.05, 0.75) == 0.05
    assert latent_noise_factor(0.75, 0.05, 0.75) == 0


def test_projected_gradient_is_orthogonal_to_the_hair_gradient():
    draw = torch.Generator().manual_seed(0)
    structure, hair = (torch.randn(3, 7, 32, generator=draw, dtype=torch.float64) for _ in range(2))
    projected = orthogonalize(structure, hair)
    assert (projected * hair).sum(-1).abs().max() < 1e-12
    # The step is a projection: repeating it changes nothing, and vectors along g_AS vanish.
    assert torch.allclose(orthogonalize(projected, hair), projected)
    assert orthogonalize(-2.5 * hair, hair).abs().max() < 1e-12


def test_noise_of_a_batch_is_that_of_its_members():
    """The authors' code mixes the samples of a batch; here each counts for itself."""
    draw = torch.Generator().manual_seed(2)
    noise = [2 + 3 * torch.randn(2, 1, side, side, generator=draw) for side in (4, 8, 16)]
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


def test_draws_may_be_brought_along(resources, batch):
    """Those of the seeds give what the seeds give; others are used as they come, noise maps first."""
    settings = LohoSettings(steps_stage_one=1, steps_stage_two=1, style_resolution=32)
    method = Loho(settings, resources)
    problem = method.problem(batch)
    seeded = SeededDraws(batch.seeds, torch.device("cpu"))
    default = optimize(problem, settings)
    same = optimize(dataclasses.replace(problem, draws=seeded), settings)
    assert torch.equal(same.latents, default.latents)
    assert all(torch.equal(a, b) for a, b in zip(same.noise, default.noise, strict=True))

    class Counting:
        asked: ClassVar[list] = []

        def normal(self, *shape):
            self.asked.append(shape)
            return torch.linspace(-1, 1, shape[-1]).repeat(len(batch), *shape[:-1], 1)

    other = optimize(dataclasses.replace(problem, draws=Counting()), settings)
    sides = [(1, side, side) for side in problem.noise_shapes]
    assert Counting.asked == [*sides, *[problem.latent_mean.repeat(problem.num_latents, 1).shape] * 2]
    assert not torch.allclose(other.noise[0], default.noise[0])
