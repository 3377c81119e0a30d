"""MichiGAN's published layouts with random weights: names, prefixes, what is passed over, wrong files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from loho_bench.errors import UserError
from loho_bench.networks.michigan import OrientationInpainter, SpadeGenerator
from loho_bench.weights.michigan import load_michigan_generator, load_orientation_inpainter

# What the published generator holds beside the tensors that count: a halving of the background too many.
INERT = ("backgroud_enc.layer4.conv.weight", "backgroud_enc.layer4.conv.bias")


def tensors_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.fixture(scope="module")
def generator() -> SpadeGenerator:
    torch.manual_seed(0)
    return SpadeGenerator(width=4, widest=64, hidden=8)


@pytest.fixture(scope="module")
def inpainter() -> OrientationInpainter:
    torch.manual_seed(0)
    return OrientationInpainter(width=4)


def agrees(loaded: nn.Module, wanted: dict[str, Tensor]) -> None:
    assert not any(module.training for module in loaded.modules())
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    found = loaded.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_generator_of_another_width_with_tensors_that_do_nothing(generator, tmp_path, prefix):
    tensors = tensors_of(generator)
    extra = dict.fromkeys(INERT, torch.zeros(4)) | {"up_4.conv_0.bias": torch.ones(2)}
    path = saved(tmp_path / "50_net_G.pth", {prefix + name: v for name, v in (tensors | extra).items()})
    loaded = load_michigan_generator(path)
    agrees(loaded, tensors)
    assert loaded.config() == SpadeGenerator().config() | {"width": 4, "widest": 64, "hidden": 8}


def test_counters_may_be_absent(generator, tmp_path):
    tensors = {name: v for name, v in tensors_of(generator).items() if "num_batches" not in name}
    loaded = load_michigan_generator(saved(tmp_path / "G.pth", tensors)).state_dict()
    assert loaded.keys() == generator.state_dict().keys()
    assert all(value == 0 for name, value in loaded.items() if "num_batches" in name)


@pytest.mark.parametrize("inputs", [4, 5])
def test_inpainters_of_both_kinds(tmp_path, inputs):
    torch.manual_seed(1)
    tensors = tensors_of(OrientationInpainter(inputs=inputs, width=4))
    content = {"iteration": 7, "generator": tensors}
    loaded = load_orientation_inpainter(saved(tmp_path / "InpaintingModel_gen.pth", content))
    agrees(loaded, tensors)
    assert loaded.config() == {"inputs": inputs, "size": 256, "width": 4, "blocks": 12}
    bare = {f"module.{name}": value for name, value in tensors.items()}
    agrees(load_orientation_inpainter(saved(tmp_path / "bare.pth", bare)), tensors)


def test_loaded_networks_compute_what_the_saved_ones_did(generator, inpainter, tmp_path):
    """Spectral normalization survives: its weight is derived anew from the file's tensors."""
    path = saved(tmp_path / "gen.pth", {"generator": inpainter.state_dict()})
    x = torch.rand(1, 4, 16, 16)
    with torch.no_grad():
        wanted = inpainter.eval()(x)
        assert torch.equal(load_orientation_inpainter(path)(x), wanted)
        doubled = {n: 2 * v if n.endswith("weight_orig") else v for n, v in inpainter.state_dict().items()}
        again = load_orientation_inpainter(saved(path, {"generator": doubled}))(x)
    torch.testing.assert_close(again, wanted)


def read_manifest(golden: Path, network: str) -> dict[str, list[int]]:
    manifest = json.loads((golden / "manifests" / f"michigan_{network}.json").read_text())
    return {name: entry["shape"] for name, entry in manifest["keys"].items()}


def test_the_published_generator_has_exactly_our_tensors(golden):
    wanted = read_manifest(golden, "netG")
    with torch.device("meta"):
        ours = {name: list(value.shape) for name, value in SpadeGenerator().state_dict().items()}
    assert set(INERT) == wanted.keys() - ours.keys()
    assert ours == {name: shape for name, shape in wanted.items() if name not in INERT}


@pytest.mark.parametrize(("network", "inputs"), [("netIG", 4), ("netSIG", 5)])
def test_inpainters_of_the_published_size(golden, tmp_path, network, inputs):
    shapes = read_manifest(golden, network)
    torch.manual_seed(2)
    tensors = {name: torch.randn(shape) for name, shape in shapes.items()}
    path = saved(tmp_path / f"{network}.pth", {"iteration": 1, "generator": tensors})
    loaded = load_orientation_inpainter(path)
    agrees(loaded, tensors)
    assert loaded.config()["inputs"] == inputs


def refused(load, path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load(path)
    message = str(caught.value)
    assert path.name in message
    assert len(message.splitlines()) <= 5
    assert len(message) < 900
    return message


def test_the_one_network_is_not_taken_for_the_other(generator, inpainter, tmp_path):
    paths = [
        saved(tmp_path / "G.pth", generator.state_dict()),
        saved(tmp_path / "gen.pth", {"generator": inpainter.state_dict()}),
        saved(tmp_path / "bare.pth", inpainter.state_dict()),
    ]
    assert "decoder.0.bias: file absent" in refused(load_orientation_inpainter, paths[0])
    for path in paths[1:]:
        assert "G_middle_0.conv_0.bias: file absent" in refused(load_michigan_generator, path)


@pytest.mark.parametrize("load", [load_michigan_generator, load_orientation_inpainter])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"features.28.weight": torch.zeros(3)}, "looks like VGG16"),
        ({"generator": [1]}, "tensors differ"),
        ([torch.zeros(3)], "holds a list"),
        ({}, "tensors differ"),
    ],
)
def test_other_checkpoints_are_refused_in_few_lines(load, content, told, tmp_path):
    assert told in refused(load, saved(tmp_path / "other.pth", content))


@pytest.mark.parametrize("name", ["conv_img.weight", "up_0.conv_s.weight_u", "fc.layer3.bias"])
def test_a_missing_tensor_is_named(generator, tmp_path, name):
    tensors = tensors_of(generator)
    del tensors[name]
    assert name in refused(load_michigan_generator, saved(tmp_path / "G.pth", tensors))


def test_an_unknown_tensor_of_an_inpainter_is_named(inpainter, tmp_path):
    tensors = {**inpainter.state_dict(), "middle.13.weight": torch.zeros(2)}
    path = saved(tmp_path / "gen.pth", {"generator": tensors})
    assert "middle.13.weight: file (2,), network absent" in refused(load_orientation_inpainter, path)


def test_a_truncated_file_is_refused(inpainter, tmp_path):
    path = saved(tmp_path / "gen.pth", {"generator": inpainter.state_dict()})
    path.write_bytes(path.read_bytes()[:20_000])
    assert "truncated" in refused(load_orientation_inpainter, path)
