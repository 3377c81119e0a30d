"""The residual network: sizes, shortcut arithmetic, independence of the batch, and room in the package."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from loho_bench.networks.resnet import ResNet, _Block


@pytest.fixture(scope="module")
def network() -> ResNet:
    torch.manual_seed(0)
    network = ResNet(widths=(4, 6, 8), depths=(1, 2, 1), dimension=5)
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(8, 3, 64, 64) * 2 - 1)
    return network.eval().requires_grad_(False)


def test_stages_halve_the_size(network):
    x = torch.rand(2, 3, 64, 64)
    assert [tuple(level.shape) for level in network.levels(x)] == [(2, 4, 16, 16), (2, 6, 8, 8), (2, 8, 4, 4)]
    assert network(x).shape == (2, 5)


def test_a_block_adds_what_it_changes_to_its_shortcut():
    torch.manual_seed(1)
    same, other = _Block(4, 4, 1).eval(), _Block(4, 6, 2).eval()
    x = torch.rand(1, 4, 8, 8)
    assert torch.equal(same(x), F.relu(same.body(x) + x))
    assert isinstance(other.shortcut, nn.Sequential)
    assert other(x).shape == (1, 6, 4, 4)
    nn.init.zeros_(same.body[-1].weight)
    assert torch.equal(same(x), x)


def test_vectors_are_not_negative_and_belong_to_one_image_each(network):
    x = torch.rand(3, 3, 64, 64) * 2 - 1
    together = network(x)
    assert (together >= 0).all()
    assert together.std() > 0
    torch.testing.assert_close(together, torch.cat([network(image[None]) for image in x]))


def test_its_configuration_rebuilds_it(network):
    again = ResNet(**network.config()).eval()
    again.load_state_dict(network.state_dict())
    x = torch.rand(2, 3, 64, 64)
    assert torch.equal(again(x), network(x))


def test_the_embedded_form_is_larger_than_the_feature_network_and_fits_the_package():
    size = sum(value.numel() * value.element_size() for value in ResNet().state_dict().values())
    assert 2e6 < sum(parameter.numel() for parameter in ResNet().parameters()) < 3e6
    assert size < 11e6
