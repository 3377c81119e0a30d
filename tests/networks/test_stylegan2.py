"""The published StyleGAN2 generator: its names and shapes, its arithmetic in bfloat16, and frozen weights.

Its numbers are compared in tests/parity.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.networks.stylegan2 import Generator
from loho_bench.parity.rules import config_f_channels, shapes_of
from loho_bench.weights.stylegan2 import load_generator


@pytest.fixture(scope="module")
def reduced(golden: Path) -> Generator:
    return load_generator(golden / "stylegan2_rosinality" / "reduced_64.pt").generator


def image_and_gradients(generator: Generator) -> tuple[Tensor, list[Tensor]]:
    """Image of random inputs and the gradients of its product with a random cotangent by W+ and noise."""
    draw = torch.Generator().manual_seed(2)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw)

    wplus = normal(2, generator.num_latents, generator.style_dim).requires_grad_()
    noise = [normal(2, 1, r, r).requires_grad_() for r in generator.noise_shapes]
    image = generator.synthesis(wplus, noise)
    gradients = torch.autograd.grad((image * normal(*image.shape)).sum(), [wplus, *noise])
    return image.detach(), list(gradients)


def flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([t.flatten() for t in tensors])


@pytest.mark.parametrize("size", [256, 1024])
def test_names_and_shapes_are_the_published_ones(golden, size):
    manifest = golden / "manifests" / f"stylegan2_rosinality_{size}_config_f.json"
    published = json.loads(manifest.read_text())
    expected = {key: tuple(entry["shape"]) for key, entry in published["keys"].items()}
    assert shapes_of(lambda: Generator(size, 512, 8, config_f_channels(size))) == expected
    with torch.device("meta"):
        assert Generator(size, 512, 8, config_f_channels(size)).num_latents == published["n_latent"]


def test_bfloat16_follows_float32(reduced):
    exact, gradients = image_and_gradients(reduced)
    try:
        reduced.compute_dtype = torch.bfloat16
        image, rough = image_and_gradients(reduced)
    finally:
        reduced.compute_dtype = torch.float32
    assert image.dtype == torch.float32
    error = float((image - exact).norm() / exact.norm())
    assert 1e-5 < error < 0.03  # the lower bound: the maps really were bfloat16
    assert float(F.cosine_similarity(flat(rough), flat(gradients), dim=0)) > 0.98


def test_loaded_weights_are_frozen_and_get_no_gradient(reduced):
    image_and_gradients(reduced)
    assert not reduced.training
    assert not any(p.requires_grad or p.grad is not None for p in reduced.parameters())
