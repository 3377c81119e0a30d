"""The mapping network: what it can predict it predicts, and what it cannot stays as varied as it was."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch

from loho_bench.networks.stylegan2 import Generator
from loho_bench.training.generator.mapping import fit_mapping, normal_components, unexplained

LATENTS, CODE, COUNT = 6, 12, 1500


@pytest.fixture(scope="module")
def world() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latents, codes of unit variance, and the half of each code that the latents do not tell."""
    draw = torch.Generator().manual_seed(0)
    latents = torch.randn(COUNT, LATENTS, generator=draw)
    chance = torch.randn(COUNT, CODE - LATENTS, generator=draw) @ torch.randn(
        CODE - LATENTS, CODE, generator=draw
    )
    chance = chance / chance.std(dim=0)
    told = latents @ torch.randn(LATENTS, CODE, generator=draw)
    told = told / told.std(dim=0)
    return latents, (told + chance) / 2**0.5, chance / 2**0.5


@pytest.fixture(scope="module")
def fitted(world) -> Generator:
    torch.manual_seed(0)
    generator = Generator(8, CODE, 2, {4: 2, 8: 2})
    fit_mapping(generator, world[0], world[1], seed=0, steps=400)
    return generator


def test_the_unexplained_part_is_the_chance(world):
    latents, codes, chance = world
    torch.manual_seed(0)
    mapping = Generator(8, CODE, 2, {4: 2, 8: 2}).style
    found = unexplained(mapping, latents, codes, 400, torch.Generator().manual_seed(0))
    correlation = np.corrcoef(found.flatten(), chance.flatten())[0, 1]
    assert correlation > 0.85
    assert found.var().item() == pytest.approx(0.5, abs=0.15)


def test_components_are_normal_uncorrelated_and_ordered():
    random = np.random.default_rng(0)
    skewed = random.exponential(size=(2000, 3)) * [1.0, 5.0, 2.0]
    scores = normal_components(torch.from_numpy(skewed).float(), 2).numpy()
    assert scores.shape == (2000, 2)
    for column in scores.T:
        assert scipy.stats.kstest(column, "norm").pvalue > 0.99
    # The widest direction first, up to its sign.
    assert abs(scipy.stats.spearmanr(scores[:, 0], skewed[:, 1])[0]) > 0.99
    assert abs(scipy.stats.spearmanr(scores[:, 1], skewed[:, 2])[0]) > 0.95


def test_samples_vary_like_the_codes(world, fitted):
    draws = torch.randn(4000, CODE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        samples = fitted.mapping(draws)
    assert not any(parameter.requires_grad for parameter in fitted.style.parameters())
    # A regression from the latents alone would give at most 0.71, the deviation of what they tell.
    assert samples.std(dim=0).numpy() == pytest.approx(world[1].std(dim=0).numpy(), rel=0.05)
    assert samples.mean(dim=0).abs().max().item() < 0.3
    # Components that belong together stay together.
    found, wanted = (np.corrcoef(values.T)[np.triu_indices(CODE, 1)] for values in (samples, world[1]))
    assert np.corrcoef(found, wanted)[0, 1] > 0.8


def test_the_latents_keep_their_meaning(world, fitted):
    latents, codes, chance = world
    rest = torch.randn(COUNT, CODE - LATENTS, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        samples = fitted.mapping(torch.cat([latents, rest], dim=1))
    told = codes - chance
    assert np.corrcoef(samples.flatten(), told.flatten())[0, 1] > 0.55
