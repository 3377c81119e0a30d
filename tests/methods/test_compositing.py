"""Background and blending, on scenes whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from loho_bench.annotation.masks import dilate, scaled_pixels
from loho_bench.methods.compositing import (
    GatedInpaint,
    Inpainter,
    Telea,
    blend,
    inpaint_background,
    removal_hole,
    soft_mask,
)
from loho_bench.networks.inpainting import GatedInpainter
from loho_bench.portraits.images import to_tensor
from loho_bench.portraits.synthetic import render, sample_parameters
from loho_bench.portraits.synthetic.empty_scene import render_behind_head
from loho_bench.weights.embedded import load_inpainter

SIZE = 64


@pytest.fixture(params=["network", "classical"])
def inpainter(request):
    return GatedInpaint(load_inpainter(), "embedded") if request.param == "network" else Telea()


@pytest.fixture
def random_inpainter():
    torch.manual_seed(0)
    return GatedInpaint(GatedInpainter(8, size=32).eval(), "random")


def disc(radius: float) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    return (((x - 32) ** 2 + (y - 32) ** 2) < radius**2)[None, None].float()


def test_the_network_knows_better_than_the_fallback_what_lies_behind():
    drawn = [sample_parameters(seed) for seed in range(900, 906)]
    portraits = [render(parameters) for parameters in drawn]
    person = torch.from_numpy(np.stack([portrait.hair | portrait.face for portrait in portraits]))[:, None]
    images = to_tensor(np.stack([portrait.image for portrait in portraits]))
    behind = [render_behind_head(parameters) for parameters in drawn]
    truth = to_tensor(np.stack([scene.image for scene in behind]))
    hole = removal_hole(person)

    def error(inpainter: Inpainter) -> float:
        found = (inpaint_background(images, person, inpainter) - truth).abs() * hole
        return 127.5 * (found.sum() / (3 * hole.sum())).item()

    network, classical = error(GatedInpaint(load_inpainter(), "embedded")), error(Telea())
    assert network < 0.75 * classical
    assert network < 8


def test_a_ramp_continues_behind_the_portrait():
    ramp = torch.linspace(-0.6, 0.6, SIZE).expand(1, 3, SIZE, SIZE)
    portrait = torch.where(disc(14) > 0, 1.0, ramp)
    background = inpaint_background(portrait, disc(14), Telea())
    assert (background - ramp).abs().max() < 0.3
    assert (portrait - ramp).abs().max() > 0.7  # what had to be removed


def test_the_background_itself_is_kept(inpainter):
    draw = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, SIZE, SIZE, generator=draw) * 2 - 1
    hole = disc(10).expand(2, -1, -1, -1)
    background = inpaint_background(image, hole, inpainter)
    kept = (removal_hole(hole) == 0).expand_as(image)
    assert torch.equal(background[kept], image[kept])
    assert (background - image)[~kept].abs().max() > 0.1


@pytest.mark.parametrize("size", [24, 32, 50, 64, 100])
def test_every_size_is_filled(random_inpainter, size):
    image = torch.full((1, 3, size, size), 0.9)
    hole = torch.zeros(1, 1, size, size)
    hole[..., size // 4 : size // 2, size // 3 : size // 2] = 1
    filled = random_inpainter.fill(image, hole)
    assert filled.shape == image.shape
    assert torch.equal(filled != image, (hole > 0).expand_as(image))


def test_a_large_picture_is_filled_with_the_enlarged_small_one(random_inpainter):
    draw = torch.Generator().manual_seed(0)
    small = torch.rand(1, 3, 32, 32, generator=draw) * 2 - 1
    hole = torch.zeros(1, 1, 32, 32)
    hole[..., 8:24, 10:26] = 1
    large, large_hole = (x.repeat_interleave(4, 2).repeat_interleave(4, 3) for x in (small, hole))
    filled = torch.nn.functional.avg_pool2d(random_inpainter.fill(large, large_hole), 4)
    wanted = random_inpainter.fill(small, hole)
    inside = (slice(None), slice(None), slice(10, 22), slice(12, 24))
    assert (filled - wanted)[inside].abs().max() < 0.25 * wanted[inside].std()
    assert torch.equal(random_inpainter.fill(large, large_hole)[..., 0], large[..., 0])


def test_a_sample_does_not_depend_on_its_batch(inpainter):
    draw = torch.Generator().manual_seed(0)
    images = torch.rand(3, 3, SIZE, SIZE, generator=draw) * 2 - 1
    holes = torch.cat([disc(10), disc(20), disc(5).roll(20, -1)])
    together = inpainter.fill(images, holes)
    for k in range(3):
        assert torch.equal(inpainter.fill(images[k : k + 1], holes[k : k + 1])[0], together[k])


def test_the_hole_is_the_foreground_and_a_margin():
    hole = removal_hole(disc(10))
    wanted = dilate(disc(10), scaled_pixels(12, SIZE))
    assert torch.equal(hole, wanted)
    assert hole.sum() > 1.5 * disc(10).sum()


def test_the_names_tell_network_and_fallback_apart(random_inpainter):
    assert random_inpainter.name == "gated convolution (random)"
    assert "fallback" in Telea().name


def test_a_frame_without_background_is_grey_classically():
    background = inpaint_background(torch.ones(1, 3, 16, 16), torch.ones(1, 1, 16, 16), Telea())
    assert background.abs().max() < 0.01


@pytest.mark.parametrize("size", [SIZE, 2 * SIZE])
def test_soft_mask_feathers_the_edge_alone(size):
    soft = soft_mask(disc(20), size)
    assert soft.shape == (1, 1, size, size)
    assert soft.min() >= 0
    assert soft.max() <= 1
    assert soft[..., size // 2, size // 2].item() == pytest.approx(1, abs=1e-6)
    assert soft[..., 0, 0].item() == 0
    assert ((soft > 0.05) & (soft < 0.95)).any()
    # Feathering neither grows nor shrinks the foreground.
    area = disc(20).mean().item()
    assert soft.mean().item() == pytest.approx(area, rel=0.02)


def test_hair_that_leaves_the_frame_stays_opaque():
    assert soft_mask(torch.ones(1, 1, 32, 32), 32).min() > 0.999


def test_blend_is_linear():
    front, back = torch.ones(1, 3, 2, 2), -torch.ones(1, 3, 2, 2)
    mask = torch.tensor([[[[0.0, 1.0], [0.5, 0.25]]]])
    assert torch.allclose(blend(front, back, mask)[0, 0], torch.tensor([[-1.0, 1.0], [0.0, -0.5]]))
