"""Activations of VGG-16 beside those of the reference."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.methods.loho.losses import gram_matrix
from loho_bench.networks.vgg import LAYERS, Vgg16
from loho_bench.parity.batches import folded_gram
from loho_bench.parity.comparison import LOSS, Checks, Comparison

FRAME = 256
"""Images are brought to this width before the style and appearance terms see them."""
GRAM = "gram_relu1_2_of_unmasked_I_G_with_feature_mask"
_PATCH = re.compile(r"vgg_relu_features(?P<module>\d+)_patch")
_BY_MODULE = {int(index) + 1: name for name, index in LAYERS.items()}  # a ReLU follows its convolution


@torch.no_grad()
def compare_activations(
    check: Checks, title: str, vgg: Vgg16, case: dict[str, Tensor]
) -> Iterator[Comparison]:
    """Compare the activations of ``I_G`` that the case holds: a corner, the moments, a Gram matrix."""
    image = F.interpolate(case["I_G"], size=(FRAME, FRAME), mode="bilinear", align_corners=True)
    modules = sorted(int(found["module"]) for found in map(_PATCH.fullmatch, case) if found)
    features = vgg(image, [*(_BY_MODULE[module] for module in modules), "relu1_2"])
    for module in modules:
        actual, patch = features[_BY_MODULE[module]], case[f"vgg_relu_features{module}_patch"]
        n, c, h, w = patch.shape
        name = f"{title}: activation {_BY_MODULE[module]}"
        yield check.deviation(f"{name}, corner", actual[:n, :c, :h, :w], patch)
        moments = torch.stack([actual.mean(), actual.std()])
        yield check.relative(f"{name}, moments", moments, case[f"vgg_relu_features{module}_mean_std"], LOSS)
    if GRAM in case:
        found, note = gram_matrix(features["relu1_2"], case["mask_G"])[0], ""
        if len(image) > 1:
            found = folded_gram(features["relu1_2"], case["mask_G"])[0]
            note = "samples folded into channels: the official Gram matrix mixes them"
        yield check.deviation(f"{title}: Gram matrix of relu1_2", found, case[GRAM], note=note)
