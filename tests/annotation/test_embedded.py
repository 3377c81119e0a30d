"""The embedded networks behind the protocols, and the protocols with networks whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_graphonomy import TINY
from torch import nn

from loho_bench.annotation.embedded import EmbeddedLandmarks, EmbeddedParser
from loho_bench.networks.graphonomy import FACE, HAIR, Graphonomy
from loho_bench.networks.hourglass import StackedHourglass
from loho_bench.portraits.images import to_tensor
from loho_bench.portraits.synthetic import render, sample_parameters
from loho_bench.weights.embedded import load_landmarks, load_parser


class BrightIsHair(nn.Module):
    """Stands in for a parser: hair where red is bright, face elsewhere."""

    sizes: list[tuple[int, ...]]

    def __init__(self):
        super().__init__()
        self.sizes = []

    def forward(self, images):
        assert not self.training
        self.sizes.append(tuple(images.shape))
        logits = torch.full((len(images), 20, *images.shape[2:]), -9.0)
        logits[:, HAIR], logits[:, FACE] = images[:, 0], -images[:, 0]
        return logits


class BrightestSpot(nn.Module):
    """Stands in for a landmark network: every point lies at the brightest place of the red channel."""

    def forward(self, images):
        assert tuple(images.shape[2:]) == (128, 128)
        red = nn.functional.avg_pool2d(images[:, :1], 4)
        best = (red == red.amax((2, 3), keepdim=True)).float().expand(-1, 68, -1, -1)
        return [torch.zeros_like(best), best]


@pytest.mark.parametrize("size", [64, 128, 200, 256])
def test_regions_come_back_where_they_were(size):
    images = torch.full((2, 3, size, size), -1.0)
    images[0, :, : size // 2] = 1.0
    images[1, :, :, : size // 4] = 1.0
    labels = EmbeddedParser(BrightIsHair()).parse(images)
    assert labels.dtype is torch.uint8
    assert labels.shape == (2, size, size)
    wanted = torch.where(images[:, 0] > 0, HAIR, FACE)
    # Only the pixels beside an edge may differ.
    assert (labels != wanted).float().mean() <= 1 / size
    edge = size // 2
    assert (labels[0, : edge - 1] == HAIR).all()
    assert (labels[0, edge + 1 :] == FACE).all()


def test_network_sees_its_own_size_a_few_at_a_time():
    network = BrightIsHair()
    EmbeddedParser(network).parse(torch.zeros(37, 3, 32, 32))
    assert {size[1:] for size in network.sizes} == {(3, 128, 128)}
    assert sum(size[0] for size in network.sizes) == 37
    assert max(size[0] for size in network.sizes) <= 16


def test_no_portraits_give_no_answers():
    images = torch.zeros(0, 3, 64, 64)
    assert EmbeddedParser(BrightIsHair()).parse(images).shape == (0, 64, 64)
    assert EmbeddedLandmarks(BrightestSpot()).detect(images).shape == (0, 68, 2)


@pytest.mark.parametrize("size", [64, 128, 192])
def test_random_network_parses_consistently(size):
    torch.manual_seed(0)
    parser = EmbeddedParser(Graphonomy(**TINY))
    images = torch.rand(3, 3, size, size) * 2 - 1
    labels = parser.parse(images)
    assert labels.shape == (3, size, size)
    for index in range(3):
        assert (parser.parse(images[index : index + 1])[0] != labels[index]).float().mean() < 1e-3


def test_labels_are_the_network_s_own_at_its_size():
    torch.manual_seed(1)
    network = Graphonomy(**TINY).eval()
    images = torch.rand(2, 3, 128, 128) * 2 - 1
    with torch.no_grad():
        wanted = network(images).argmax(1)
    assert (EmbeddedParser(network).parse(images) != wanted).float().mean() < 1e-3


@pytest.mark.parametrize("size", [96, 128, 256])
def test_landmarks_are_fractions_of_any_frame(size):
    images = torch.full((2, 3, size, size), -1.0)
    eighth = size // 8
    images[0, :, 2 * eighth : 3 * eighth, 5 * eighth : 6 * eighth] = 1.0
    images[1, :, 7 * eighth :, :eighth] = 1.0
    found = EmbeddedLandmarks(BrightestSpot()).detect(images)
    assert found.shape == (2, 68, 2)
    assert found.dtype is torch.float32
    wanted = torch.tensor([[5.5 / 8, 2.5 / 8], [0.5 / 8, 7.5 / 8]])
    assert (found - wanted[:, None]).abs().max() < 0.05


def test_random_network_detects_points_in_the_frame():
    torch.manual_seed(0)
    detector = EmbeddedLandmarks(StackedHourglass(stacks=1, width=16, depth=2))
    found = detector.detect(torch.rand(2, 3, 64, 64) * 2 - 1)
    assert found.shape == (2, 68, 2)
    assert not found.requires_grad
    assert ((found > 0) & (found < 1)).all()


def test_the_embedded_networks_find_what_was_drawn():
    """A loose bound on a few portraits; the cards beside the weights hold the exact held-out figures."""
    drawn = [render(sample_parameters(seed), 128) for seed in range(60, 72)]
    images = to_tensor(np.stack([portrait.image for portrait in drawn]))
    labels = EmbeddedParser(load_parser()).parse(images).numpy()
    for label, least in ((HAIR, 0.88), (FACE, 0.92)):
        wanted = np.stack([portrait.labels == label for portrait in drawn])
        found = labels == label
        assert (found & wanted).sum() / (found | wanted).sum() > least
    wanted = torch.from_numpy(np.stack([portrait.landmarks for portrait in drawn]))
    found = EmbeddedLandmarks(load_landmarks()).detect(images)
    assert 128 * (found - wanted).norm(dim=-1).mean() < 1.5
