"""Background and blending, on scenes whose answer is known."""

from __future__ import annotations

import pytest
import torch

from loho_bench.annotation.masks import dilate, scaled_pixels
from loho_bench.methods.compositing import blend, inpaint_background, soft_mask

SIZE = 64


def disc(radius: float) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    return (((x - 32) ** 2 + (y - 32) ** 2) < radius**2)[None, None].float()


def test_a_ramp_continues_behind_the_portrait():
    ramp = torch.linspace(-0.8, 0.8, SIZE).expand(1, 3, SIZE, SIZE)
    portrait = torch.where(disc(14) > 0, 1.0, ramp)
    background = inpaint_background(portrait, disc(14))
    assert (background - ramp).abs().max() < 0.3
    assert (portrait - ramp).abs().max() > 0.7  # what had to be removed


def test_the_background_itself_is_kept():
    draw = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, SIZE, SIZE, generator=draw) * 2 - 1
    hole = disc(10).expand(2, -1, -1, -1)
    background = inpaint_background(image, hole)
    kept = (dilate(hole, scaled_pixels(12, SIZE)) == 0).expand_as(image)
    assert (background - image)[kept].abs().max() <= 1 / 255 + 1e-6
    assert (background - image)[~kept].abs().max() > 0.1


def test_a_frame_without_background_is_grey():
    background = inpaint_background(torch.ones(1, 3, 16, 16), torch.ones(1, 1, 16, 16))
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
