"""The stacked hourglass: what can be worked out by hand, and the size of the published network."""

from __future__ import annotations

import json

import pytest
import torch

from loho_bench.networks.hourglass import ParallelBlock, StackedHourglass, decode

SMALL = {"stacks": 2, "width": 16, "depth": 2, "stride": 4}


@pytest.mark.parametrize(("row", "column"), [(0, 0), (5, 11), (15, 31)])
def test_a_lone_peak_is_decoded_to_its_cell(row, column):
    heatmaps = torch.zeros(1, 3, 16, 32)
    heatmaps[:, :, row, column] = 1.0
    wanted = torch.tensor([(column + 0.5) / 32, (row + 0.5) / 16]).expand(1, 3, 2)
    torch.testing.assert_close(decode(heatmaps), wanted, rtol=0, atol=2e-4)


def test_a_gaussian_is_decoded_to_its_centre_between_cells():
    centre = torch.tensor([0.431, 0.577])
    x = (torch.arange(32) + 0.5 - 32 * centre[0]) / 2
    y = (torch.arange(32) + 0.5 - 32 * centre[1]) / 2
    heatmaps = torch.exp(-0.5 * (y[:, None] ** 2 + x**2))[None, None]
    # In cells; a mere arg-max is off by 0.29.
    assert ((decode(heatmaps)[0, 0] - centre) * 32).abs().max() < 0.02


def test_equal_heat_is_decoded_to_the_middle():
    torch.testing.assert_close(decode(torch.full((2, 1, 8, 6), 0.3)), torch.full((2, 1, 2), 0.5))


def test_decoding_moves_and_mirrors_with_the_map():
    heatmaps = torch.zeros(1, 2, 16, 16)
    heatmaps[:, :, 4:7, 5:9] = torch.rand(1, 2, 3, 4, generator=torch.manual_seed(0)) + 0.7
    found = decode(heatmaps)
    shifted = decode(heatmaps.roll((3, 2), dims=(2, 3)))
    torch.testing.assert_close(shifted - found, torch.tensor([2 / 16, 3 / 16]).expand(1, 2, 2))
    mirrored = decode(heatmaps.flip(-1))
    torch.testing.assert_close(mirrored[..., 0], 1 - found[..., 0])
    torch.testing.assert_close(mirrored[..., 1], found[..., 1])


def test_decoding_can_be_learned():
    heatmaps = torch.zeros(1, 1, 8, 8)
    heatmaps[..., 2, 2] = 1.0
    heatmaps.requires_grad_()
    target = torch.tensor([5.5 / 8, 2.5 / 8])
    for _ in range(400):
        (slope,) = torch.autograd.grad((decode(heatmaps, 10.0) - target).square().sum(), heatmaps)
        heatmaps = (heatmaps - 0.2 * slope).detach().requires_grad_()
    assert (decode(heatmaps, 10.0) - target).abs().max() < 0.01


def test_published_size():
    network = StackedHourglass()
    names = set(network.state_dict())
    # "FAN ... 24M parameters" (ICCV 2017); names of its published weights, one of every kind.
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(24e6, rel=0.02)
    assert {
        "conv1.bias",
        "bn1.running_var",
        "conv2.downsample.0.weight",
        "conv2.downsample.2.weight",
        "m0.b1_4.bn1.weight",
        "m0.b2_plus_1.conv3.weight",
        "m3.b3_1.conv2.weight",
        "top_m_2.conv1.weight",
        "conv_last3.bias",
        "bn_end3.weight",
        "l3.weight",
        "bl2.weight",
        "al2.bias",
    } <= names
    assert "al3.weight" not in names
    assert "conv3.downsample.0.weight" not in names


@pytest.mark.parametrize("stacks", [1, 3])
@pytest.mark.parametrize("stride", [2, 4])
@torch.no_grad()
def test_shapes(stacks, stride):
    network = StackedHourglass(**{**SMALL, "stacks": stacks, "stride": stride}).eval()
    drawn = network(torch.randn(2, 3, 64, 32))
    assert [tuple(heatmaps.shape) for heatmaps in drawn] == [(2, 68, 64 // stride, 32 // stride)] * stacks
    assert decode(drawn[-1]).shape == (2, 68, 2)


def test_other_strides_are_refused():
    with pytest.raises(ValueError, match="stride"):
        StackedHourglass(stride=8)


@torch.no_grad()
def test_parallel_block_stands_its_outputs_side_by_side():
    torch.manual_seed(0)
    block, x = ParallelBlock(8, 8).eval(), torch.randn(1, 8, 6, 6)
    added = block(x) - x
    first = torch.nn.functional.conv2d(torch.relu(block.bn1(x)), block.conv1.weight, padding=1)
    torch.testing.assert_close(added[:, :4], first, rtol=1e-4, atol=1e-5)
    block.conv1.weight.zero_()  # Without biases the two behind the first fall silent with it.
    torch.testing.assert_close(block(x), x)


@torch.no_grad()
def test_config_rebuilds_the_network_and_batches_do_not_mix():
    torch.manual_seed(0)
    network = StackedHourglass(**SMALL).eval()
    again = StackedHourglass(**json.loads(json.dumps(network.config()))).eval()
    again.load_state_dict(network.state_dict())
    images = torch.randn(3, 3, 32, 32)
    together = network(images)[-1]
    for index in range(3):
        alone = again(images[index : index + 1])[-1][0]
        torch.testing.assert_close(together[index], alone, rtol=1e-4, atol=1e-5)


def test_every_stack_learns_and_later_ones_reach_back():
    torch.manual_seed(0)
    network = StackedHourglass(**SMALL)
    drawn = network(torch.randn(2, 3, 32, 32))
    drawn[-1].square().mean().backward()
    idle = {name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    # Every tensor has a part in the last stack's answer: even l0, whose maps are fed on to it.
    assert not idle
