"""Graphonomy against the official implementation's numbers, SciPy and properties of its graph."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.linalg import fractional_matrix_power
from small_graphonomy import SMALL

from loho_bench.networks.graphonomy import (
    CLASS_NAMES,
    FACE,
    HAIR,
    Graphonomy,
    class_graph,
    normalize_adjacency,
    upsample_aligned,
)
from loho_bench.networks.graphonomy.reasoning import FeaturesToNodes, GraphConvolution, NodesToFeatures
from loho_bench.networks.graphonomy.xception import Block


def test_normalisation_agrees_with_scipy():
    rng = np.random.default_rng(3)
    upper = np.triu(rng.random((7, 7)) < 0.4, 1).astype(np.float64)
    adjacency = upper + upper.T
    looped = adjacency + np.eye(7)
    root = fractional_matrix_power(np.diag(looped.sum(1)), -0.5)
    found = normalize_adjacency(torch.from_numpy(adjacency))
    np.testing.assert_allclose(found.numpy(), root @ looped @ root, atol=1e-12)


def test_class_graph_is_a_diffusion():
    graph = class_graph().double()
    assert graph.shape == (20, 20)
    assert torch.equal(graph, graph.T)
    # D^1/2 1 is an eigenvector of the eigenvalue 1, the largest.
    degrees = 1 / graph.diagonal()
    torch.testing.assert_close(graph @ degrees.sqrt(), degrees.sqrt(), rtol=1e-6, atol=1e-6)
    assert torch.linalg.eigvalsh(graph).max() < 1 + 1e-6
    assert graph[HAIR, FACE] > 0
    assert graph[CLASS_NAMES.index("background")].count_nonzero() == 1


@torch.no_grad()
def test_renumbered_nodes_give_renumbered_results():
    torch.manual_seed(0)
    convolution, nodes = GraphConvolution(6, 5), torch.randn(2, 20, 6)
    order = torch.randperm(20)
    graph = class_graph()
    found = convolution(nodes[:, order], graph[order][:, order])
    torch.testing.assert_close(found, convolution(nodes, graph)[:, order])
    back = NodesToFeatures(6, 4)
    torch.testing.assert_close(back(nodes[:, order]), back(nodes))


@torch.no_grad()
def test_graph_convolution_between_graphs_of_different_sizes():
    torch.manual_seed(0)
    convolution, nodes, to_five = GraphConvolution(6, 4), torch.randn(2, 3, 6), torch.rand(5, 3)
    weight = convolution.weight
    for index in range(2):
        torch.testing.assert_close(convolution(nodes)[index], (nodes[index] @ weight).clamp(min=0))
        torch.testing.assert_close(
            convolution(nodes, to_five)[index], (to_five @ nodes[index] @ weight).clamp(min=0)
        )


@torch.no_grad()
def test_nodes_are_sums_or_means_over_positions_in_any_order():
    torch.manual_seed(0)
    summed, averaged = FeaturesToNodes(8, 20, 6), FeaturesToNodes(8, 20, 6, averaged=True)
    averaged.load_state_dict(summed.state_dict())
    x = torch.randn(2, 8, 5, 4)
    shuffled = x.flatten(2)[..., torch.randperm(20)].reshape(2, 8, 4, 5)
    torch.testing.assert_close(summed(shuffled), summed(x))
    tiled = torch.cat([x, x, x], dim=2)
    torch.testing.assert_close(summed(tiled), 3 * summed(x))
    torch.testing.assert_close(averaged(tiled), averaged(x))


@torch.no_grad()
def test_shortcut_sees_the_rectified_input():
    block = Block((6, 6, 6, 6)).eval()
    for parameter in block.rep.parameters():
        parameter.zero_()
    x = torch.randn(1, 6, 5, 5)
    torch.testing.assert_close(block(x), x.clamp(min=0))


@pytest.mark.parametrize("low_level_stride", [2, 4])
@pytest.mark.parametrize("widening", [1, 2])
@torch.no_grad()
def test_shapes_at_several_widths(widening, low_level_stride):
    strides = {2: (2, 1, 2, 2, 2), 4: (2, 2, 2, 2, 1)}[low_level_stride]
    wide = {
        key: tuple(widening * v for v in value) if isinstance(value, tuple) else widening * value
        for key, value in SMALL.items()
    }
    network = Graphonomy(**{**wide, "aspp_rates": (1, 2, 3)}, strides=strides).eval()
    images = torch.randn(2, 3, 64, 48)
    features, low_level = network.xception_features(images)
    assert features.shape == (2, 32 * widening, 4, 3)
    assert low_level.shape == (2, 16 * widening, 64 // low_level_stride, 48 // low_level_stride)
    assert network.coarse_logits(images).shape == (2, 20, *low_level.shape[2:])
    assert network(images).shape == (2, 20, 64, 48)


@torch.no_grad()
def test_config_rebuilds_the_network():
    torch.manual_seed(0)
    network = Graphonomy(**SMALL, averaged_nodes=True).eval()
    config = json.loads(json.dumps(network.config()))
    again = Graphonomy(**config).eval()
    again.load_state_dict(network.state_dict())
    images = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(again(images), network(images), rtol=0, atol=0)


@torch.no_grad()
def test_a_portrait_s_logits_do_not_depend_on_the_others():
    torch.manual_seed(0)
    network = Graphonomy(**SMALL).eval()
    images = torch.randn(3, 3, 32, 32)
    together = network(images)
    for index in range(3):
        torch.testing.assert_close(
            together[index], network(images[index : index + 1])[0], rtol=1e-4, atol=1e-5
        )


def test_every_weight_learns():
    torch.manual_seed(0)
    network = Graphonomy(**SMALL)
    network(torch.randn(2, 3, 64, 64)).square().mean().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not idle


def test_aligned_upsampling_keeps_corners_and_planes():
    x = torch.linspace(0, 1, 5)[None, None, :, None] + 2 * torch.linspace(0, 1, 4)[None, None, None]
    found = upsample_aligned(x, (9, 13))
    wanted = torch.linspace(0, 1, 9)[:, None] + 2 * torch.linspace(0, 1, 13)
    torch.testing.assert_close(found[0, 0], wanted)


def test_strided_and_dilated_depthwise_convolutions_stay_in_float32():
    network = Graphonomy(**SMALL)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        plain = network.xception_features.block1.rep[0].depthwise(torch.randn(1, 8, 8, 8))
        dilated = network.aspp3.atrous_convolution.depthwise(torch.randn(1, 32, 8, 8).bfloat16())
    assert plain.dtype is torch.bfloat16
    assert dilated.dtype is torch.float32
