"""Colour statistics against scikit-image's Lab."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from loho_bench.methods.colour_transfer import from_lab, to_lab, transfer_colours


@pytest.fixture
def scene() -> tuple[torch.Tensor, ...]:
    draw = torch.Generator().manual_seed(4)
    image = torch.rand(1, 3, 32, 32, generator=draw) * 0.5 - 0.2
    reference = torch.rand(1, 3, 32, 32, generator=draw) * torch.tensor([0.4, 0.3, 0.2]).view(3, 1, 1)
    mask, region = torch.zeros(2, 1, 1, 32, 32)
    mask[..., 4:20, 4:28] = 1
    region[..., 10:30, 2:16] = 1
    return image, mask, reference, region


def statistics(image: torch.Tensor, mask: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    pixels = rgb2lab((image[0].permute(1, 2, 0).double().numpy() + 1) / 2)[mask[0, 0].numpy() > 0.5]
    return pixels.mean(0), pixels.std(0)


def test_lab_is_that_of_scikit_image(scene):
    image = scene[0][0].numpy()
    reference = rgb2lab((image.transpose(1, 2, 0).astype(float) + 1) / 2)
    assert np.abs(to_lab(image) - reference).max() < 0.5  # OpenCV interpolates in a table
    assert np.abs(from_lab(to_lab(image)) - image).max() < 5e-3


def test_mean_and_deviation_become_those_of_the_reference(scene):
    image, mask, reference, region = scene
    (mean, deviation), wanted = statistics(transfer_colours(*scene), mask), statistics(reference, region)
    assert np.allclose(mean, wanted[0], atol=0.2)
    assert np.allclose(deviation, wanted[1], rtol=0.02)
    assert not np.allclose(mean, statistics(image, mask)[0], atol=2)


def test_pixels_outside_stay(scene):
    image, mask, *_ = scene
    assert torch.equal(transfer_colours(*scene) * (1 - mask), image * (1 - mask))


@pytest.mark.parametrize("empty", [1, 3])
def test_without_a_region_nothing_changes(scene, empty):
    tensors = list(scene)
    tensors[empty] = torch.zeros_like(tensors[empty])
    assert torch.equal(transfer_colours(*tensors), scene[0])


def test_one_colour_becomes_the_mean_colour(scene):
    _, mask, reference, region = scene
    found = transfer_colours(torch.zeros(1, 3, 32, 32), mask, reference, region)
    assert np.allclose(statistics(found, mask)[0], statistics(reference, region)[0], atol=0.3)
