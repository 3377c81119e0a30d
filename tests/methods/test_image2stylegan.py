"""Image2StyleGAN and Image2StyleGAN++ end to end on small random networks."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from loho_bench.errors import UserError
from loho_bench.methods.compositing import Telea
from loho_bench.methods.image2stylegan.method import Image2StyleGan, Image2StyleGanPlusPlus
from loho_bench.methods.image2stylegan.variants import SPECS
from loho_bench.methods.protocol import Resources, TupleBatch
from loho_bench.settings.image2stylegan import (
    CrossoverWeights,
    Image2StyleGanPlusPlusSettings,
    Image2StyleGanSettings,
)

# Of a size that makes every term count for these small networks.
WEIGHTS = CrossoverWeights(style=1e-9)
QUICK = {"steps": 4, "learning_rate": 0.1, "noise_steps": 3, "noise_learning_rate": 0.1, "weights": WEIGHTS}


def embedder(resources: Resources, **changes) -> Image2StyleGan:
    return Image2StyleGan(Image2StyleGanSettings(**{"steps": 5, "learning_rate": 0.1} | changes), resources)


def crosser(resources: Resources, **changes) -> Image2StyleGanPlusPlus:
    return Image2StyleGanPlusPlus(Image2StyleGanPlusPlusSettings(**QUICK | changes), resources)


@pytest.fixture
def resources(resources) -> Resources:
    return dataclasses.replace(resources, inpainter=Telea())


@pytest.fixture
def same(batch) -> TupleBatch:
    """Reconstructions of the identities."""
    parts = {f"{role}_{part}": getattr(batch, f"identity_{part}")
             for role in ("structure", "appearance") for part in ("hair", "face")}  # fmt: skip
    return dataclasses.replace(batch, structure=batch.identity, appearance=batch.identity, **parts)


@pytest.fixture
def drawable(resources, same) -> TupleBatch:
    """Reconstructions of one portrait that the generator can draw."""
    generator, draw = resources.generator, torch.Generator().manual_seed(2)
    with torch.no_grad():
        latents = generator.repeat(generator.mapping(torch.randn(1, 16, generator=draw)))
        portrait = generator.synthesis(latents).clamp(-1, 1)
    return dataclasses.replace(same.select([0]), identity=portrait, structure=portrait, appearance=portrait)


def test_embedding_finds_a_portrait_of_the_generator(resources, drawable):
    traces = embedder(resources, steps=30).transfer(drawable).traces
    for name in ("perceptual", "pixels"):
        assert traces[name][-1] < 0.4 * traces[name][0], name


def test_the_noise_phase_finds_what_latents_cannot(resources, drawable):
    """Random detail is no matter of styles: noise maps can draw it, W+ cannot."""
    detail = torch.randn(drawable.identity.shape, generator=torch.Generator().manual_seed(3)) * 0.2
    portrait = (drawable.identity + detail).clamp(-1, 1)
    batch = dataclasses.replace(drawable, identity=portrait, structure=portrait, appearance=portrait)
    pixels = crosser(resources, steps=30, noise_steps=30).transfer(batch).traces["pixels"][:, 0]
    assert pixels[29] > 0.5 * pixels[20]  # W+ had come to rest
    assert pixels[-1] < 0.5 * pixels[30]


def test_a_transfer_is_refused_where_one_picture_is_embedded(resources, batch):
    with pytest.raises(UserError, match="cannot transfer hair: easy-0001"):
        embedder(resources).transfer(batch)
    with pytest.raises(UserError, match="i2s-plus-plus"):
        embedder(resources).transfer(batch.select([1]))


@pytest.mark.parametrize("make", [embedder, crosser])
def test_a_batch_gives_what_its_members_give_alone(resources, batch, same, make):
    batch = same if make is embedder else batch
    method = make(resources)
    together = method.transfer(batch)
    for i in range(len(batch)):
        alone = method.transfer(batch.select([i]))
        assert (alone.images[0] - together.images[i]).abs().max() < 1e-3
        assert (alone.latents[0] - together.latents[i]).abs().max() < 1e-3
        for name, trace in together.traces.items():
            assert torch.allclose(alone.traces[name][:, 0], trace[:, i], rtol=1e-3, equal_nan=True), name
    # The members do differ, or the above would say nothing.
    assert (together.images[0] - together.images[1]).abs().max() > 0.05


def test_seeds_draw_the_noise_maps_that_stay(resources, same):
    method = embedder(resources)
    first, again = method.transfer(same), method.transfer(same)
    assert torch.equal(first.foreground, again.foreground)
    reseeded = method.transfer(dataclasses.replace(same, seeds=(101, 7, 303)))
    assert (reseeded.foreground[1] - first.foreground[1]).abs().max() > 1e-3
    assert torch.allclose(reseeded.foreground[0], first.foreground[0], atol=1e-3)


def test_each_phase_leaves_the_other_variables_alone(resources, batch):
    once, longer = (crosser(resources, noise_steps=n).transfer(batch) for n in (0, 3))
    assert torch.equal(once.latents, longer.latents)
    assert not torch.allclose(once.foreground, longer.foreground, atol=1e-3)
    start = resources.generator.repeat(once.latent_mean[None])
    assert (once.latents - start).abs().max() > 0.05


def test_shapes_ranges_and_traces(resources, batch):
    found = crosser(resources).transfer(batch)
    assert found.images.shape == found.foreground.shape == (3, 3, 32, 32)
    assert found.foreground_mask.shape == (3, 1, 32, 32)
    assert found.images.abs().max() <= 1
    assert found.latents.shape == (3, resources.generator.num_latents, 16)
    assert found.inpainting == Telea().name
    assert set(found.traces) == {"perceptual", "pixels", "hair_pixels", "style", "hair_iou"}
    assert all(trace.shape == (7, 3) for trace in found.traces.values())
    assert found.traces["pixels"].isfinite().all()
    assert found.traces["style"][:4].isfinite().all()
    assert found.traces["style"][4:].isnan().all()
    assert found.traces["hair_iou"][-1].isfinite().all()
    assert found.traces["hair_iou"][:-1].isnan().all()
    assert not found.images.requires_grad


def test_style_brings_the_hair_of_the_third_portrait(resources, batch):
    """With the style term alone, the hair's Gram matrix nears that of I3, and no other term falls as far."""
    alone = CrossoverWeights(perceptual=0, pixels=0, hair_pixels=0, style=1e-9)
    traces = crosser(resources, steps=20, noise_steps=0, weights=alone).transfer(batch).traces
    assert (traces["style"][-1] < 0.5 * traces["style"][0]).all()


def test_reduced_precision_stays_near(resources, batch):
    exact = crosser(resources).transfer(batch)
    coarse = dataclasses.replace(resources, precision="bfloat16")
    rounded = crosser(coarse).transfer(batch)
    assert resources.generator.compute_dtype == resources.lpips.vgg.compute_dtype == torch.bfloat16
    assert rounded.images.dtype == torch.float32
    assert torch.allclose(rounded.traces["pixels"][0], exact.traces["pixels"][0], rtol=0.05)
    assert not torch.equal(rounded.traces["pixels"][0], exact.traces["pixels"][0])
    crosser(resources)
    assert resources.generator.compute_dtype == torch.float32


def test_defaults_are_the_published_ones():
    embedding, crossover = (spec.configure() for spec in SPECS)
    assert (embedding.steps, embedding.learning_rate) == (5000, 0.01)
    assert embedding.perceptual_layers == ("relu1_1", "relu1_2", "relu3_2", "relu4_2")
    assert (embedding.weights.perceptual, embedding.weights.pixels) == (1, 1)
    assert (crossover.steps, crossover.noise_steps) == (5000, 3000)
    assert (crossover.learning_rate, crossover.noise_learning_rate) == (0.01, 5)
    assert crossover.weights == CrossoverWeights(perceptual=1e-5, pixels=1e-5, hair_pixels=1e-5, style=5e-7)


def test_what_the_family_sets_reaches_both_methods():
    family = {"steps": 7, "weights": {"perceptual": 0.25}}
    embedding, crossover = (spec.configure(family) for spec in SPECS)
    assert embedding.steps == crossover.steps == 7
    assert embedding.weights.perceptual == crossover.weights.perceptual == 0.25
    assert crossover.weights.pixels == 1e-5
    assert SPECS[0].tasks == ("reconstruction",)
    with pytest.raises(UserError, match="noise_steps"):
        SPECS[0].configure({"noise_steps": 3})
