"""VGG-16 and LPIPS against values of the official implementations."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
import torch
from golden_weights import generic_weights
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from loho_bench.networks.lpips import BLOCKS, Lpips, LpipsHeads
from loho_bench.networks.vgg import LAYERS, Vgg16

CASES = ["64", "256", "64_batch2"]
MODULES = {3: "relu1_2", 8: "relu2_2", 15: "relu3_3", 22: "relu4_3"}
HEADS_VARIABLE = "LOHO_BENCH_LPIPS_HEADS"


@pytest.fixture(scope="module")
def full_vgg(golden: Path) -> Vgg16:
    salt = json.loads((golden / "params.json").read_text())["losses"]["vgg_salt"]
    shapes = {key: tuple(value.shape) for key, value in Vgg16().state_dict().items()}
    return Vgg16.from_state_dict(generic_weights(shapes, salt, math.sqrt(2)))


@pytest.fixture(scope="module")
def official_lpips(full_vgg: Vgg16) -> Lpips:
    path = os.environ.get(HEADS_VARIABLE)
    if not path:
        pytest.skip(f"set {HEADS_VARIABLE} to the published LPIPS heads (v0.1, vgg.pth) to run this")
    heads = torch.load(path, weights_only=True, map_location="cpu")
    return Lpips(full_vgg, LpipsHeads.from_state_dict(heads))


def case(golden: Path, name: str) -> dict[str, Tensor]:
    return load_file(golden / "losses" / f"case_{name}.safetensors")


def test_names_and_shapes_are_the_published_ones(golden):
    manifest = json.loads((golden / "manifests" / "vgg16_features_and_lpips_heads.json").read_text())
    for module, key in ((Vgg16(), "vgg16_features"), (LpipsHeads(), "lpips_v0.1_vgg_heads")):
        shapes = {name: list(value.shape) for name, value in module.state_dict().items()}
        assert shapes == {name: entry["shape"] for name, entry in manifest[key].items()}
    for index, name in manifest["vgg16_layer_index_to_name"].items():
        assert int(LAYERS[name]) == int(index) - 1  # the ReLU follows its convolution


@pytest.mark.parametrize("name", CASES)
def test_vgg_activations(golden, full_vgg, name):
    io = case(golden, name)
    x = F.interpolate(io["I_G"], size=(256, 256), mode="bilinear", align_corners=True)
    features = full_vgg(x, list(MODULES.values()))
    for index, layer in MODULES.items():
        patch = io[f"vgg_relu_features{index}_patch"]
        actual = features[layer]
        assert float((actual[:1, :8, :8, :8] - patch).abs().max()) < 1e-4 * float(patch.std())
        moments = torch.stack([actual.mean(), actual.std()])
        torch.testing.assert_close(moments, io[f"vgg_relu_features{index}_mean_std"], rtol=1e-4, atol=0)


LPIPS_TERMS = {  # value: (other image, mask, blocks)
    "face_lpips": ("I_1", "face_target_mask", BLOCKS),
    "face_lpips_softmask": ("I_1", "mask_G_soft", BLOCKS),
    "hair_lpips": ("I_2", "HM_2E", (4, 5)),
    "lpips_all_blocks_nomask": ("I_1", None, BLOCKS),
    "lpips_blocks45_nomask": ("I_2", None, (4, 5)),
}


@pytest.mark.parametrize("name", ["64", "256"])
@pytest.mark.parametrize("term", LPIPS_TERMS)
def test_official_distances_and_gradients(golden, official_lpips, name, term):
    io = case(golden, name)
    other, mask, blocks = LPIPS_TERMS[term]
    x = io["I_G"].requires_grad_()
    target = official_lpips.features(io[other])
    value = official_lpips.distance(
        official_lpips.features(x), target, None if mask is None else io[mask].float(), blocks
    )
    torch.testing.assert_close(value, io[f"loss_{term}"].reshape(1), rtol=1e-4, atol=0)
    if f"grad_{term}" in io:
        expected = io[f"grad_{term}"].float() * io.get(f"gradscale_{term}", torch.tensor(1.0))
        (gradient,) = torch.autograd.grad(value.sum(), x)
        # Where a ReLU or a maximum is decided by the last bit, a patch of some 7x7 pixels may differ.
        error = (gradient - expected).square().sum(dim=1).flatten().sort().values
        usual = error[: -64 * len(error) // 65536]
        assert float(usual.sum().sqrt() / expected.norm()) < 1e-3
        assert float(error.sum().sqrt() / expected.norm()) < 1e-2


def test_official_batch_of_two(golden, official_lpips):
    """The official code divides by the mask area of the whole batch; here each sample's own area is used."""
    io = case(golden, "64_batch2")
    fx, fy = official_lpips.features(io["I_G"]), official_lpips.features(io["I_1"])
    mask = io["face_target_mask"]
    for block, expected in zip(BLOCKS, io["face_lpips_per_block"], strict=True):
        step = 2 ** (block - 1)
        area = mask[:, :, ::step, ::step].sum(dim=(1, 2, 3))
        actual = official_lpips.distance(fx, fy, mask, blocks=(block,)) * area / area.sum()
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=0)
        plain = official_lpips.distance(fx, fy, blocks=(block,))
        torch.testing.assert_close(plain, io["lpips_nomask_per_block"][block - 1], rtol=1e-4, atol=0)
