"""Networks on disk: what comes back, what is refused, and that the embedded ones are those of their cards."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from loho_bench.errors import UserError
from loho_bench.networks.lpips import Lpips, LpipsHeads
from loho_bench.networks.vgg import Vgg16
from loho_bench.weights import embedded
from loho_bench.weights.embedded import FOLDER, NAMES, build_features
from loho_bench.weights.files import read_network, save_network
from loho_bench.weights.reading.checkpoints import load_strictly

WIDTHS = (2, 3, 4, 4, 4)


@pytest.fixture
def saved(tmp_path):
    """A feature network, and the file that holds it."""
    torch.manual_seed(0)
    network = Lpips(Vgg16(WIDTHS), LpipsHeads(WIDTHS))
    path = tmp_path / "features.safetensors"
    save_network(path, network.state_dict(), {"widths": list(WIDTHS)}, {"name": "features", "seed": 0})
    return network, path


def refusal(call, *arguments) -> str:
    with pytest.raises(UserError) as error:
        call(*arguments)
    assert error.value.cause
    assert error.value.remedy
    assert len(str(error.value).splitlines()) <= 5
    return str(error.value)


def test_a_network_comes_back_bit_for_bit(saved):
    network, path = saved
    tensors, config = read_network(path)
    again = build_features(config)
    assert again.vgg.widths == WIDTHS
    load_strictly(again, tensors, path)
    assert set(again.state_dict()) == set(network.state_dict())
    for name, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


def test_the_file_is_plain_safetensors_and_its_card_has_its_hash(saved):
    network, path = saved
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in load_file(path).items())
    card = json.loads(path.with_suffix(".json").read_text())
    by_hand = hashlib.sha256(path.read_bytes()).hexdigest()
    assert card == {"name": "features", "seed": 0, "sha256": by_hand}
    assert sorted(os.listdir(path.parent)) == ["features.json", "features.safetensors"]


def test_tensors_in_any_memory_layout_are_kept(tmp_path):
    weight = torch.arange(120.0).view(2, 3, 4, 5)
    state = {"a": weight.contiguous(memory_format=torch.channels_last).requires_grad_(), "b": weight.mT}
    save_network(tmp_path / "n.safetensors", state, {"k": 1}, {})
    tensors, config = read_network(tmp_path / "n.safetensors")
    assert torch.equal(tensors["a"], weight)
    assert torch.equal(tensors["b"], weight.mT)
    assert config == {"k": 1}


@pytest.mark.parametrize("kept", [0, 7, 200, -1])
def test_a_truncated_file_is_named(saved, kept):
    _, path = saved
    path.write_bytes(path.read_bytes()[:kept])
    assert f"cannot load the weights {path}" in refusal(read_network, path)


def test_a_missing_file_is_named(tmp_path):
    message = refusal(read_network, tmp_path / "generator.safetensors")
    assert "no such file" in message
    assert str(tmp_path / "generator.safetensors") in message


def test_a_file_that_does_not_say_how_to_build_its_network_is_refused(tmp_path):
    path = tmp_path / "n.safetensors"
    save_file({"a": torch.zeros(2)}, path)
    assert "'config'" in refusal(read_network, path)
    save_file({"a": torch.zeros(2)}, path, metadata={"format": "pt"})
    assert "'config'" in refusal(read_network, path)


def test_weights_of_another_width_are_refused_in_few_words(saved):
    _, path = saved
    tensors, _ = read_network(path)
    other = build_features({"widths": [4, 4, 8, 8, 8]})
    before = {name: value.clone() for name, value in other.state_dict().items()}
    message = refusal(load_strictly, other, tensors, path)
    assert str(path) in message
    # Every one of 13 convolutions (weight and bias) and 5 heads has another width.
    assert "31 tensors differ" in message
    assert "heads.lin0.model.1.weight: file (1, 2, 1, 1), network (1, 4, 1, 1)" in message
    assert len(message) < 600
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


def test_missing_and_surplus_tensors_are_named(saved):
    network, path = saved
    tensors, _ = read_network(path)
    tensors["surplus"] = tensors.pop("vgg.features.0.bias")
    message = refusal(load_strictly, network, tensors, path)
    assert "2 tensors differ" in message
    assert "surplus: file (2,), network absent" in message
    assert "vgg.features.0.bias: file absent, network (2,)" in message


@pytest.mark.parametrize(
    ("loader", "config"),
    [
        ("load_generator", {"widths": [4]}),
        ("load_generator", {"channels": {"4": 8}}),
        ("load_features", {"size": 128}),
        ("load_parser", {"size": 128}),
        ("load_extractor", {"size": 128}),
    ],
)
def test_a_file_of_another_network_is_refused(tmp_path, monkeypatch, loader, config):
    monkeypatch.setattr(embedded, "FOLDER", tmp_path)
    path = tmp_path / f"{loader.removeprefix('load_')}.safetensors"
    save_network(path, {"a": torch.zeros(2)}, config, {})
    assert str(path) in refusal(getattr(embedded, loader))


def test_all_embedded_networks_are_here():
    others = {"landmarks", "features", "extractor", "inpainter", "michigan"}
    assert set(NAMES) == {"generator", "parser", *others}
    for name in NAMES:
        assert (FOLDER / f"{name}.safetensors").is_file(), name
        assert (FOLDER / f"{name}.json").is_file(), name


def test_the_cards_promise_what_the_benchmark_needs():
    figures = {name: json.loads((FOLDER / f"{name}.json").read_text())["held_out"] for name in NAMES}
    assert figures["generator"]["inversion_psnr_400"] >= 29
    assert figures["generator"]["inversion_ssim_400"] >= 0.88
    assert figures["parser"]["hair_iou"] >= 0.96
    assert figures["parser"]["face_iou"] >= 0.97
    assert figures["landmarks"]["mean_error"] <= 1.2
    assert figures["inpainter"]["backdrop_psnr"] >= figures["inpainter"]["telea_backdrop_psnr"] + 4
    assert figures["inpainter"]["border_l1"] <= 2.5
    assert figures["features"]["judgement_accuracy"] >= 0.95
    seen = figures["features"]["probe_r2"]
    assert min(seen[name] for name in ("hair_colour", "hair_length", "yaw", "skin")) >= 0.9


def test_the_networks_are_light():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.safetensors")) <= 32e6


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.safetensors")), ids=lambda path: path.stem)
def test_an_embedded_network_is_the_one_of_its_card(path):
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert {"command", "seed", "data", "held_out", "steps"} <= set(card)
    loaded = getattr(embedded, f"load_{path.stem}")()
    networks = [loaded] if isinstance(loaded, nn.Module) else [part for part in vars(loaded).values() if part]
    parameters = [value for network in networks for value in network.parameters()]
    assert sum(value.numel() for value in parameters) == card["parameters"]
    assert not any(network.training for network in networks)
    assert not any(value.requires_grad for value in parameters)
    assert all(value.isfinite().all() for network in networks for value in network.state_dict().values())
