"""The yardstick of benchmarks/transfer.py computes what the product computes, by another way."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from loho_bench.methods.loho.method import Loho
from loho_bench.settings.loho import LohoSettings, LossWeights

WEIGHTS = LossWeights(structure=3.0, appearance=5.0, style=2e4, noise=50.0)


@pytest.fixture(scope="module")
def literal():
    path = Path(__file__).parents[2] / "benchmarks" / "literal.py"
    spec = importlib.util.spec_from_file_location("literal", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("stage", [1, 2])
def test_every_gradient_is_that_of_the_transcription(resources, batch, literal, stage):
    # At 32 px the regions are empty in block 5, which the transcription cannot divide by.
    blocks = {"identity_blocks": (1, 2, 3, 4), "structure_blocks": (3, 4)}
    settings = LohoSettings(weights=WEIGHTS, style_resolution=32, margin=8, **blocks)
    alone = batch.select([1])
    method = Loho(settings, resources)
    generator = resources.generator
    draw = torch.Generator().manual_seed(3)
    latents = torch.randn(1, generator.num_latents, generator.style_dim, generator=draw)
    noise = [torch.randn(1, 1, r, r, generator=draw) for r in generator.noise_shapes]
    hair = alone.structure_hair if stage == 2 else None

    found = method.problem(alone).evaluate(latents, noise, hair).gradients
    yardstick = literal.LiteralLoho(generator, resources.lpips, resources.parser, alone, settings)
    expected = yardstick.iterate(latents, noise, hair)
    for ours, theirs in zip((found.latents, *found.noise), expected, strict=True):
        assert theirs.abs().max() > 0
        assert (ours - theirs).norm() <= 1e-4 * theirs.norm()
