"""How the authors' code treats a batch of several samples, said with the functions of one sample.

For a batch of one all of it changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.methods.loho.losses import gram_matrix
from loho_bench.methods.loho.targets import STYLE_LAYERS
from loho_bench.networks.lpips import BLOCKS
from loho_bench.networks.vgg import Vgg16
from loho_bench.settings.loho import LohoSettings


def areas(mask: Tensor, blocks: Sequence[int]) -> list[Tensor]:
    """Return the area ``[N]`` of a mask ``[N,1,H,W]`` at each of ``blocks``, reduced block by block."""
    found = {}
    for block in BLOCKS:
        if block > 1:
            mask = F.interpolate(mask, size=(mask.shape[2] // 2, mask.shape[3] // 2), mode="nearest")
        found[block] = mask.sum(dim=(1, 2, 3))
    return [found[block] for block in blocks]


def appearance_of_batch(appearance: Tensor, mask: Tensor | None) -> Tensor:
    """Return mean appearances ``[N,C]`` as if every sample's mask had the first one's area."""
    if mask is None:
        return appearance
    area = mask.sum(dim=(1, 2, 3))
    return appearance * (area / area[0])[:, None]


def grams_of_batch(vgg: Vgg16, image: Tensor, mask: Tensor | None, settings: LohoSettings) -> list[Tensor]:
    """Return Gram matrices ``[1,NC,NC]`` of the style layers with the samples as further channels."""
    masked = image if mask is None else image * mask
    size = (settings.style_resolution,) * 2
    maps = vgg(F.interpolate(masked, size=size, mode="bilinear", align_corners=True), STYLE_LAYERS)
    return [folded_gram(maps[layer], mask) for layer in STYLE_LAYERS]


def folded_gram(features: Tensor, mask: Tensor | None) -> Tensor:
    """Return the Gram matrix ``[1,NC,NC]`` of features ``[N,C,h,w]`` inside a mask ``[N,1,H,W]``."""
    if mask is not None:
        features = features * F.interpolate(mask, size=features.shape[2:], mode="nearest")
    return gram_matrix(torch.flatten(features, 0, 1)[None], None)
