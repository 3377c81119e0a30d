"""Pasting without a step: exact where it can be, smooth where it must be."""

from __future__ import annotations

import torch

from loho_bench.annotation.masks import dilate
from loho_bench.methods.seams import paste_without_step, spread

SIZE = 48


def disc(radius: float, *, x: int = 24, y: int = 20) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    return (((columns - x) ** 2 + (rows - y) ** 2) < radius**2)[None, None].float()


def test_a_picture_that_is_off_by_a_colour_is_laid_in_exactly():
    draw = torch.Generator().manual_seed(0)
    scene = torch.rand(1, 3, SIZE, SIZE, generator=draw)
    off = scene + torch.tensor([0.2, -0.1, 0.05]).view(1, 3, 1, 1)
    assert torch.allclose(paste_without_step(off, scene, disc(14)), scene, atol=1e-5)


def test_a_slanted_difference_leaves_no_step_at_the_border():
    slope = torch.linspace(-1, 1, SIZE).expand(1, 1, SIZE, SIZE)
    hole = disc(15)
    pasted = paste_without_step(torch.zeros(1, 1, SIZE, SIZE), slope, hole)
    inside = dilate(1 - hole, 1) * hole
    assert ((pasted - slope).abs() * inside).max() < 0.15
    assert ((0 - slope).abs() * inside).max() > 0.5  # the step without it
    assert torch.equal(pasted[hole == 0], slope[hole == 0])


def test_what_is_spread_stays_between_the_values_around():
    draw = torch.Generator().manual_seed(0)
    values, known = torch.rand(2, 1, 50, 50, generator=draw), torch.rand(2, 1, 50, 50, generator=draw) < 0.02
    found = spread(values, known.float())
    for k in range(2):
        given = values[k][known[k]]
        assert torch.equal(found[k][known[k]], given)
        assert given.min() - 1e-6 <= found[k].min() <= found[k].max() <= given.max() + 1e-6


def test_a_frame_of_nothing_but_hole_shows_what_was_drawn():
    drawn = torch.full((1, 3, SIZE, SIZE), 0.4)
    everything = torch.ones(1, 1, SIZE, SIZE)
    assert torch.equal(paste_without_step(drawn, torch.zeros_like(drawn), everything), drawn)
