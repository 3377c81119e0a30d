"""Generators from every layout of file that people have, against the generator that was saved."""

from __future__ import annotations

import argparse
import json
import re

import numpy as np
import pytest
import torch
from nvidia_snapshots import module, small_generator, snapshot, write
from safetensors.torch import save_file
from torch import Tensor

from loho_bench.errors import UserError
from loho_bench.networks.matching import describe_difference
from loho_bench.networks.stylegan2 import Generator
from loho_bench.weights.reading.nvidia_names import common_names
from loho_bench.weights.reading.nvidia_pickle import PickledNetwork
from loho_bench.weights.stylegan2 import load_generator

IMAGE = 1e-4  # largest deviation, in standard deviations of the image


def deviation(actual: Tensor, expected: Tensor) -> float:
    return float((actual - expected).abs().max() / expected.std())


def check_same(loaded: Generator, original: Generator) -> None:
    expected = original.state_dict()
    assert set(loaded.state_dict()) == set(expected)
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())
    assert not loaded.training
    assert not any(value.requires_grad for value in loaded.parameters())


def refused(path) -> str:
    with pytest.raises(UserError, match="cannot load the weights") as error:
        load_generator(path)
    assert str(path) in str(error.value)
    assert len(str(error.value).splitlines()) <= 5
    return error.value.cause


AVERAGE = torch.arange(7.0)
LAYOUTS = {
    "converted": lambda state: {"g_ema": state, "latent_avg": AVERAGE},
    "training": lambda state: {
        "g": {name: value + 1 for name, value in state.items() if value.is_floating_point()},
        "d": {"final_conv.0.weight": torch.zeros(2)},
        "g_ema": state,
        "g_optim": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        "args": argparse.Namespace(size=16, lr=0.002, path="/data"),
        "ada_aug_p": 0.0,
    },
    "bare": lambda state: state,
    "parallel": lambda state: {"g_ema": {f"module.{name}": value for name, value in state.items()}},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("zipped", [True, False])
def test_every_layout_of_a_checkpoint(tmp_path, layout, zipped):
    original = small_generator()
    path = tmp_path / "any.name"
    torch.save(LAYOUTS[layout](original.state_dict()), path, _use_new_zipfile_serialization=zipped)
    loaded = load_generator(path)
    check_same(loaded.generator, original)
    assert loaded.latent_average is None or torch.equal(loaded.latent_average, AVERAGE)
    assert (loaded.latent_average is None) == (layout != "converted")


def test_safetensors(tmp_path):
    original = small_generator(32)
    save_file(original.state_dict(), tmp_path / "g.safetensors")
    check_same(load_generator(tmp_path / "g.safetensors").generator, original)


def test_absent_noise_maps_are_normal_draws_that_stay_the_same(tmp_path):
    original = small_generator(32)
    state = {k: v for k, v in original.state_dict().items() if not k.startswith("noises.")}
    torch.save({"g_ema": state}, tmp_path / "g.pt")
    first, second = (load_generator(tmp_path / "g.pt").generator for _ in range(2))
    assert [m.shape[-1] for m in first.constant_noise()] == first.noise_shapes == [4, 8, 8, 16, 16, 32, 32]
    assert all(map(torch.equal, first.constant_noise(), second.constant_noise()))
    assert float(first.constant_noise()[-1].std()) == pytest.approx(1, abs=0.1)
    wplus = torch.randn(1, first.num_latents, 7)
    assert torch.equal(first(wplus, original.constant_noise()), original(wplus))


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("clamp", [None, 256, 0.5])
def test_nvidia_snapshots_give_the_generator_that_was_saved(tmp_path, protocol, clamp):
    original = small_generator(32, conv_clamp=clamp)
    loaded = load_generator(write(tmp_path / "n.pkl", snapshot(original, AVERAGE, clamp), protocol))
    check_same(loaded.generator, original)
    assert torch.equal(loaded.latent_average, AVERAGE)
    wplus = torch.randn(2, original.num_latents, 7)
    assert torch.equal(loaded.generator(wplus), original(wplus))


def test_a_clamp_of_nvidia_is_kept(tmp_path):
    free, bound = (small_generator(16, conv_clamp=clamp) for clamp in (None, 0.5))
    loaded = load_generator(write(tmp_path / "n.pkl", snapshot(free, None, 0.5))).generator
    wplus = torch.randn(1, free.num_latents, 7)
    assert torch.equal(loaded(wplus), bound(wplus))
    assert deviation(loaded(wplus), free(wplus)) > 0.1


@pytest.mark.parametrize("code", ["ada", "sg3"])
def test_the_names_of_the_published_size_are_all_known(golden, code):
    manifest = json.loads((golden / "manifests" / f"stylegan2_nvidia_{code}_1024_config_f.json").read_text())
    shapes = {name: tuple(entry["shape"]) for name, entry in manifest["keys"].items()}
    network = PickledNetwork(
        {"": "Generator", "mapping": "MappingNetwork", "synthesis.b4": "SynthesisBlock"},
        {"": {"z_dim": 512, "w_dim": 512, "c_dim": 0}},
        {name: torch.zeros(1).expand(shape) if shape else torch.zeros(()) for name, shape in shapes.items()},
    )
    state, average, _ = common_names(network, "n.pkl")
    channels = {4 * 2**k: min(512, 8192 // 2**k) for k in range(9)}
    with torch.device("meta"):
        generator = Generator(1024, 512, 8, channels)
    assert describe_difference(generator, state) == ""
    assert average.shape == (512,)


def changed(**attributes):
    network = snapshot(small_generator())
    network.meta["state"] |= attributes
    return network


def with_part(name: str, **attributes):
    network = part = snapshot(small_generator())
    for step in name.split("."):
        part = part.meta["state"]["_modules"][step]
    part.meta["state"] |= attributes
    return network


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (changed(c_dim=5), r"conditional generator \(c_dim 5\)"),
        (changed(img_channels=1), "1 channels"),
        (changed(z_dim=3), "differ in length"),
        (with_part("mapping.fc0", bias_gain=0.02), "bias_gain 0.02"),
        (with_part("synthesis.b8", architecture="resnet"), "'resnet'"),
        (with_part("synthesis.b8.conv0", activation="relu"), "'relu'"),
        (with_part("synthesis.b8.torgb", conv_clamp=8), "different values"),
        (with_part("synthesis.b8", _buffers={"strange": torch.zeros(1)}), "synthesis.b8.strange"),
        (with_part("synthesis.b8", _buffers={"resample_filter": torch.ones(8)}), "not symmetric"),
        (with_part("synthesis.b8.conv0", _buffers={}), "missing"),
        (with_part("mapping", _buffers={"w_avg": torch.zeros(3)}), r"\(3,\), not \(7,\)"),
        (module("Discriminator", {"weight": torch.zeros(2)}), "Discriminator"),
    ],
)
def test_other_networks_of_nvidia_are_refused_by_their_difference(tmp_path, network, reason):
    cause = refused(write(tmp_path / "n.pkl", network))
    assert len(cause) < 500
    assert re.search(reason, cause), cause


def test_stylegan3_is_named(tmp_path):
    layer = module("SynthesisInput", buffers={"freqs": torch.zeros(4, 2)}, size=np.array([36, 36]))
    synthesis = module("SynthesisNetwork", modules={"input": layer})
    network = module("Generator", modules={"synthesis": synthesis, "mapping": module("MappingNetwork")})
    assert "StyleGAN3" in refused(write(tmp_path / "n.pkl", network))


def test_checkpoints_of_other_networks_are_refused_by_name(tmp_path):
    path = tmp_path / "g.pt"
    for contents, reason in [
        ({"features.28.weight": torch.zeros(2)}, "VGG16"),
        ({"d": {}, "step": 3}, "no StyleGAN2 generator"),
        ({"g_ema": torch.zeros(2)}, "no StyleGAN2 generator"),
        ([torch.zeros(2)], "no StyleGAN2 generator"),
        ({"g_ema": small_generator().state_dict(), "latent_avg": torch.zeros(3)}, "(3,), not (7,)"),
    ]:
        torch.save(contents, path)
        assert reason in refused(path)


def test_a_misshapen_tensor_is_named_before_memory_is_taken(tmp_path):
    state = small_generator().state_dict()
    state["to_rgb1.conv.weight"] = torch.zeros(1).expand(
        1, 3, 10**6, 1, 1
    )  # asks for convolutions of terabytes
    torch.save({"g_ema": state}, tmp_path / "g.pt")
    cause = refused(tmp_path / "g.pt")
    assert "conv1.conv.modulation.bias: file (6,), network (1000000,)" in cause
