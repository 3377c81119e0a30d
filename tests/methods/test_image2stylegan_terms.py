"""The terms of equation 1, against direct sums, and what they compare for a tuple."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from loho_bench.methods.image2stylegan.crossover import Crossover, is_reconstruction
from loho_bench.methods.image2stylegan.losses import (
    describe,
    perceptual_loss,
    pixel_loss,
    style_gram,
    style_loss,
)
from loho_bench.settings.image2stylegan import Image2StyleGanPlusPlusSettings

SETTINGS = Image2StyleGanPlusPlusSettings()


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def crossover(batch, networks) -> Crossover:
    return Crossover.of(batch, networks[1], 32, SETTINGS)


def test_pixel_term_is_the_masked_norm_over_all_values():
    x, y, mask = normal(2, 3, 8, 8), normal(2, 3, 8, 8, seed=1), torch.rand(2, 1, 8, 8)
    for i in range(2):
        difference = (mask[i] * 127.5 * (x[i] - y[i])).double().numpy()
        expected = np.linalg.norm(difference.ravel()) ** 2 / (3 * 8 * 8)
        assert pixel_loss(x, y, mask)[i].item() == pytest.approx(expected, rel=1e-5)
    assert torch.allclose(pixel_loss(x, y), pixel_loss(x, y, torch.ones(2, 1, 8, 8)))


def test_perceptual_term_is_the_sum_over_layers_of_means():
    maps = {"relu1_1": normal(2, 4, 8, 8), "relu3_3": normal(2, 6, 2, 2, seed=1)}
    others = {"relu1_1": normal(2, 4, 8, 8, seed=2), "relu3_3": normal(2, 6, 2, 2, seed=3)}
    expected = sum(F.mse_loss(maps[k], others[k], reduction="none").flatten(1).mean(1) for k in maps)
    assert torch.allclose(perceptual_loss(maps, others, tuple(maps)), expected)
    half = torch.zeros(2, 1, 8, 8)
    half[..., :4] = 1
    inside = {k: v[..., : v.shape[-1] // 2] for k, v in maps.items()}
    inside_others = {k: v[..., : v.shape[-1] // 2] for k, v in others.items()}
    masked = perceptual_loss(maps, others, tuple(maps), half)
    assert torch.allclose(masked, perceptual_loss(inside, inside_others, tuple(maps)) / 2)


def test_features_grow_as_levels_do(networks):
    """One unit of an image is 127.5 levels; a VGG16 that is fed them has features as much larger."""
    lpips = networks[1]
    layers, image = ("relu1_1", "relu2_2"), normal(1, 3, 32, 32).clamp(-1, 1)
    plain = lpips.vgg((image - torch.tensor(_SHIFT)) / torch.tensor(_SCALE), layers)
    for name, features in describe(lpips, image, layers, 32).items():
        assert torch.allclose(features, 127.5 * 0.45 * plain[name], rtol=5e-3, atol=1e-3)
    assert describe(lpips, image, layers, 16)["relu1_1"].shape[-1] == 16


_SHIFT = [[[-0.030]], [[-0.088]], [[-0.188]]]
_SCALE = [[[0.458]], [[0.448]], [[0.450]]]


def test_style_does_not_depend_on_place_or_area():
    """The same texture twice as wide has the same Gram matrix; another texture has not."""
    tile = normal(1, 5, 4, 4)
    features = tile.repeat(1, 1, 2, 2)
    small, large = torch.zeros(2, 1, 1, 8, 8)
    small[..., :4, :4] = 1
    large[:] = 1
    assert torch.allclose(style_gram(features, small), style_gram(features, large), rtol=1e-5)
    expected = torch.einsum("nchw,ndhw->ncd", tile, tile) / (16 * 5)
    assert torch.allclose(style_gram(features, small), expected, rtol=1e-4, atol=1e-6)
    other = style_gram(normal(1, 5, 8, 8, seed=5), large)
    assert style_loss(style_gram(features, large), other)[0] == pytest.approx(
        F.mse_loss(expected, other).item(), rel=1e-3
    )
    assert style_gram(features, torch.zeros(1, 1, 8, 8)).abs().sum() == 0


def test_every_picture_counts_in_its_region_alone(crossover, batch):
    """Changing the image where a term must not look leaves the term as it is, and elsewhere changes it."""
    image = normal(3, 3, 32, 32, seed=7).clamp(-1, 1)
    hair1, hair2 = batch.identity_hair, batch.structure_hair
    former = hair1 * (1 - hair2)

    def moved(region: torch.Tensor) -> dict[str, bool]:
        before, after = crossover.latent_terms(image), crossover.latent_terms(image + 0.3 * region)
        return {
            name: bool((before[name] - after[name]).abs().max() > 1e-4 * before[name].max())
            for name in before
        }

    assert moved(1 - torch.maximum(hair1, hair2))["pixels"]
    assert not moved(1 - torch.maximum(hair1, hair2))["hair_pixels"]
    assert moved(hair2)["hair_pixels"]
    assert not moved(hair2)["pixels"]
    assert moved(hair2)["style"]
    left = moved(former)
    assert not left["pixels"]
    assert not left["hair_pixels"]


def test_masks_are_soft_and_do_not_overlap(batch, networks):
    crossover = Crossover.of(batch, networks[1], 128, SETTINGS)
    for mask in (crossover.kept, crossover.brought):
        assert ((mask > 0.1) & (mask < 0.9)).any()
        assert mask.max() == pytest.approx(1, abs=1e-5)
    assert (crossover.kept + crossover.brought).max() < 1.01


def test_hair_that_is_brought_in_has_the_colours_of_the_third_portrait(crossover, batch, networks):
    def mean_colour(image, mask):
        return (image * mask).sum((2, 3)) / mask.sum((2, 3))

    wanted = mean_colour(batch.appearance, batch.appearance_hair)
    found = mean_colour(crossover.hair, batch.structure_hair)
    before = mean_colour(batch.structure, batch.structure_hair)
    assert ((found - wanted).norm(dim=1) < 0.5 * (before - wanted).norm(dim=1)).all()
    as_it_is = Crossover.of(batch, networks[1], 32, SETTINGS.model_copy(update={"recolour": False}))
    assert torch.equal(as_it_is.hair, batch.structure)


def test_noise_terms_are_complementary(crossover, batch):
    """As equation 1 has them: where x does not count, y does; outside the hair y is what W+ gave."""
    embedded = normal(3, 3, 32, 32, seed=9).clamp(-1, 1)
    perfect = crossover.brought * crossover.hair + (1 - crossover.brought) * embedded
    assert crossover.noise_terms(perfect, embedded)["hair_pixels"].abs().max() < 1e-6
    former = batch.identity_hair * (1 - batch.structure_hair)
    assert (crossover.noise_terms(perfect + 0.2 * former, embedded)["hair_pixels"] > 1e-2).all()


def test_a_tuple_of_one_portrait_is_a_reconstruction(batch, networks):
    mixed = dataclasses.replace(
        batch,
        structure=torch.cat([batch.identity[:1], batch.structure[1:]]),
        appearance=torch.cat([batch.identity[:2], batch.appearance[2:]]),
    )
    assert is_reconstruction(mixed).tolist() == [True, False, False]
    crossover = Crossover.of(mixed, networks[1], 32, SETTINGS)
    assert crossover.kept[0].min() > 0.999
    assert crossover.kept[1].min() < 0.01
    image = normal(3, 3, 32, 32).clamp(-1, 1)
    terms = crossover.latent_terms(image)
    assert terms["hair_pixels"][0] == terms["style"][0] == 0
    assert terms["pixels"][0] == pytest.approx(pixel_loss(image, mixed.identity)[0].item(), rel=1e-3)
