"""Names and shapes of VGG-16 and of the LPIPS heads against the published ones (numbers: tests/parity)."""

from __future__ import annotations

import json

from loho_bench.networks.lpips import LpipsHeads
from loho_bench.networks.vgg import LAYERS, Vgg16


def test_names_and_shapes_are_the_published_ones(golden):
    manifest = json.loads((golden / "manifests" / "vgg16_features_and_lpips_heads.json").read_text())
    for module, key in ((Vgg16(), "vgg16_features"), (LpipsHeads(), "lpips_v0.1_vgg_heads")):
        shapes = {name: list(value.shape) for name, value in module.state_dict().items()}
        assert shapes == {name: entry["shape"] for name, entry in manifest[key].items()}
    for index, name in manifest["vgg16_layer_index_to_name"].items():
        assert int(LAYERS[name]) == int(index) - 1  # the ReLU follows its convolution
