"""The published Graphonomy: what each of its steps must do."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.linalg import fractional_matrix_power
from small_graphonomy import SMALL

from loho_bench.networks.graphonomy import (
    CLASS_NAMES,
    INERT_WEIGHTS,
    SOURCE_NAMES,
    Graphonomy,
    TransferGraphonomy,
    class_similarities,
    source_graph,
)


def small_network(seed: int = 0) -> TransferGraphonomy:
    torch.manual_seed(seed)
    return TransferGraphonomy(**SMALL).eval()


def test_all_published_tensors_are_accounted_for(golden):
    manifest = json.loads((golden / "manifests" / "graphonomy_savemem_20_128_7.json").read_text())["keys"]
    wanted = {key: tuple(entry["shape"]) for key, entry in manifest.items()}
    with torch.device("meta"):
        network = TransferGraphonomy()
    found = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    assert len(wanted) == 896
    assert found.items() <= wanted.items()
    assert wanted.keys() - found.keys() == set(INERT_WEIGHTS)


def test_source_graph_counts_self_loops_twice():
    graph = source_graph().double().numpy()
    # Written down by hand: a chain of limbs, arms and legs meeting at the torso.
    adjacency = np.zeros((7, 7))
    for first, second in ((1, 2), (2, 3), (3, 4), (2, 5), (5, 6)):
        adjacency[first, second] = adjacency[second, first] = 1
    looped = adjacency + 2 * np.eye(7)
    root = fractional_matrix_power(np.diag(looped.sum(1)), -0.5)
    np.testing.assert_allclose(graph, root @ looped @ root, atol=1e-6)
    assert graph[0].tolist() == pytest.approx([1, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("background", "background"),
        ("hair", "head"),
        ("hat", "head"),
        ("face", "head"),
        ("torso skin", "torso"),
        ("left arm", "lower arms"),
        ("right leg", "lower legs"),
    ],
)
def test_similar_names_are_near(name, nearest):
    similarities = class_similarities()
    assert similarities.shape == (20, 7)
    assert ((similarities > 0) & (similarities <= 1)).all()
    assert SOURCE_NAMES[similarities[CLASS_NAMES.index(name)].argmax()] == nearest


@torch.no_grad()
def test_without_the_source_s_share_it_is_the_plain_network():
    network = small_network()
    network.fc_graph.weight.copy_(torch.cat([torch.eye(6), torch.zeros(12, 6)]))
    plain = Graphonomy(**SMALL).eval()
    plain.load_state_dict({name: network.state_dict()[name] for name in plain.state_dict()})
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(network(images), plain(images))


@torch.no_grad()
def test_target_hears_mixtures_of_the_source_nodes():
    network = small_network()
    target, source = torch.rand(2, 20, 6), torch.rand(2, 7, 6)
    shares = np.exp(class_similarities().double().numpy())
    shares /= shares.sum(1, keepdims=True)
    network.transpose_graph.weight.copy_(torch.eye(6))
    network.fc_graph.weight.copy_(torch.cat([torch.zeros(12, 6), torch.eye(6)]))
    np.testing.assert_allclose(network.combine(target, source), shares @ source.double().numpy(), rtol=1e-5)
    network.fc_graph.weight.copy_(torch.cat([torch.zeros(6, 6), torch.eye(6), torch.zeros(6, 6)]))
    for t, s, found in zip(target, source, network.combine(target, source), strict=True):
        cosines = torch.nn.functional.cosine_similarity(t[:, None], s[None], dim=-1).double().numpy()
        shares = np.exp(cosines) / np.exp(cosines).sum(1, keepdims=True)
        np.testing.assert_allclose(found, shares @ s.double().numpy(), rtol=1e-5)


@torch.no_grad()
def test_third_source_convolution_has_the_second_one_s_weights():
    network = small_network()
    _, second, third = network.reason_at_source(torch.randn(2, 8, 4, 4))
    wanted = (source_graph() @ second @ network.source_graph_conv2.weight).clamp(min=0)
    torch.testing.assert_close(third, wanted)


@torch.no_grad()
def test_config_rebuilds_the_network():
    torch.manual_seed(0)
    network = TransferGraphonomy(**SMALL, averaged_nodes=True).eval()
    again = TransferGraphonomy(**json.loads(json.dumps(network.config()))).eval()
    again.load_state_dict(network.state_dict())
    images = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(again(images), network(images), rtol=0, atol=0)
    assert again.source_featuremap_2_graph.averaged


@torch.no_grad()
def test_a_portrait_s_logits_do_not_depend_on_the_others():
    network, images = small_network(), torch.randn(3, 3, 32, 32)
    alone = torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(network(images), alone, rtol=1e-4, atol=1e-5)


def test_every_weight_learns():
    network = small_network().train()
    network(torch.randn(2, 3, 64, 64)).square().mean().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not idle
