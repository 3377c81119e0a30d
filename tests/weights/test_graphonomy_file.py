"""Graphonomy's published layout, with random weights: prefixes, counters, old names, wrong files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from loho_bench.errors import UserError
from loho_bench.networks.graphonomy import TransferGraphonomy
from loho_bench.weights.graphonomy import load_graphonomy, published_tensors

# The shapes of what the published file holds besides the tensors that count.
INERT = {
    "source_graph_conv3.weight": (128, 128),
    "transpose_graph.adj": (20, 7),
    "target_graph_2_fea.node_fea_for_res": (256, 1),
}
SMALL = {
    "stem": (4, 4),
    "entry": (4, 4, 4),
    "middle_blocks": 1,
    "exit": (4, 4, 4, 4),
    "aspp_width": 4,
    "low_level_width": 4,
    "decoder_width": 4,
    "hidden": 4,
}


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> tuple[dict[str, Tensor], Path]:
    """A file as the authors' parallel training wrote it under PyTorch 0.4, and its tensors by plain names."""
    torch.manual_seed(0)
    tensors = {
        **TransferGraphonomy().state_dict(),
        **{name: torch.randn(shape) for name, shape in INERT.items()},
    }
    path = tmp_path_factory.mktemp("weights") / "inference.pth"
    old = {f"module.{name}": value for name, value in tensors.items() if "num_batches" not in name}
    torch.save(old, path)
    return tensors, path


def test_published_file_loads_whole_and_frozen(published):
    tensors, path = published
    network = load_graphonomy(path)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    loaded = network.state_dict()
    assert loaded.keys() == tensors.keys() - INERT.keys()
    assert all(torch.equal(loaded[name], tensors[name]) for name in loaded)
    assert sum(value.numel() for value in loaded.values()) > 35e6


def test_all_names_of_the_published_manifest_have_their_place(golden):
    manifest = json.loads((golden / "manifests" / "graphonomy_savemem_20_128_7.json").read_text())["keys"]
    state = {name: torch.zeros(entry["shape"], device="meta") for name, entry in manifest.items()}
    with torch.device("meta"):
        network = TransferGraphonomy()
    network.load_state_dict(published_tensors(state, network))


def test_counters_and_names_from_before_the_transfer():
    torch.manual_seed(0)
    network, again = TransferGraphonomy(**SMALL), TransferGraphonomy(**SMALL)
    network.xception_features.bn1.num_batches_tracked.fill_(7)
    before = {
        name.replace("source_featuremap_2_graph", "featuremap_2_graph").replace(
            "source_graph", "graph"
        ): value
        for name, value in network.state_dict().items()
    }
    assert {"featuremap_2_graph.pre_fea", "graph_conv1.weight", "graph_conv2.weight"} <= before.keys()
    assert {"fc_graph.weight", "transpose_graph.weight", "target_graph_conv1.weight"} <= before.keys()
    again.load_state_dict(published_tensors(before, again))
    for name, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ({"features.28.weight": torch.zeros(3)}, "looks like VGG16"),
        ([torch.zeros(3)], "holds a list"),
        ({0: torch.zeros(3)}, "not tensors by name"),
        ({"state_dict": {"semantic.weight": torch.zeros(3)}}, "tensors differ"),
    ],
)
def test_other_checkpoints_are_refused_in_few_lines(content, hint, tmp_path):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(UserError) as caught:
        load_graphonomy(tmp_path / "other.pth")
    message = str(caught.value)
    assert "other.pth" in message
    assert hint in message
    assert len(message.splitlines()) <= 5
    assert len(message) < 900


def test_a_network_of_other_classes_is_refused(published, tmp_path):
    tensors, _ = published
    other = {**tensors, "semantic.weight": torch.zeros(7, 256, 1, 1), "semantic.bias": torch.zeros(7)}
    torch.save(other, tmp_path / "pascal.pth")
    with pytest.raises(UserError, match=r"semantic.bias: file \(7,\), network \(20,\)"):
        load_graphonomy(tmp_path / "pascal.pth")


def test_truncated_file_is_refused(published, tmp_path):
    _, path = published
    (tmp_path / "cut.pth").write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(UserError, match=r"cut\.pth"):
        load_graphonomy(tmp_path / "cut.pth")
