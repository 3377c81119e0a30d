"""What the synthesized image is compared with: masks and features of ``I1``, ``I2`` and ``I3``.

All of it is constant over an optimisation and computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.annotation.masks import dilate, erode, scaled_pixels
from loho_bench.methods.loho.losses import Reading, gram_matrix, mean_appearance
from loho_bench.methods.protocol import TupleBatch
from loho_bench.networks.lpips import Lpips
from loho_bench.settings.loho import LohoSettings

APPEARANCE_LAYER = "relu1_1"
STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")


class Hair(NamedTuple):
    """Hair as appearance and style see it: ``A`` ``[N,C]`` and the Gram matrices ``[N,C_l,C_l]``."""

    appearance: Tensor
    grams: tuple[Tensor, ...]

    def select(self, rows: list[int]) -> Hair:
        """Give the hair of the samples at ``rows``."""
        return Hair(self.appearance[rows], tuple(gram[rows] for gram in self.grams))


@dataclass(frozen=True)
class Targets:
    """Targets of a batch of tuples at the working resolution.

    ``face_region`` ``[N,1,H,W]`` is ``M1^f ∩ (1 - M2^{h,d})``, ``hair_region`` is ``M2^{h,e}``,
    ``structure_hair`` is ``M2^h``. The features are those that :func:`lpips_features` gives.
    """

    face_region: Tensor
    hair_region: Tensor
    structure_hair: Tensor
    identity_features: list[Tensor]
    structure_features: list[Tensor]
    hair_of_structure: Hair
    hair_of_appearance: Hair

    @classmethod
    @torch.no_grad()
    def of(cls, batch: TupleBatch, lpips: Lpips, size: int, settings: LohoSettings) -> Targets:
        """Compute the targets of ``batch``, reduced to ``size`` pixels."""
        identity, structure, appearance, face, hair2, hair3 = (
            resize_to(tensor, size)
            for tensor in (
                batch.identity,
                batch.structure,
                batch.appearance,
                batch.identity_face,
                batch.structure_hair,
                batch.appearance_hair,
            )
        )
        margin = scaled_pixels(settings.margin, size)
        face_region = face * (1 - dilate(hair2, margin))
        hair_region = erode(hair2, margin)
        return cls(
            face_region=face_region,
            hair_region=hair_region,
            structure_hair=hair2,
            identity_features=lpips_features(lpips, identity, face_region, settings.masking),
            structure_features=lpips_features(lpips, structure, hair_region, settings.masking),
            hair_of_structure=describe_hair(lpips, structure, hair2, settings),
            hair_of_appearance=describe_hair(lpips, appearance, hair3, settings),
        )

    def select(self, rows: Sequence[int]) -> Targets:
        """Give the targets of the tuples at ``rows``, in that order."""
        chosen = list(rows)
        return Targets(
            face_region=self.face_region[chosen],
            hair_region=self.hair_region[chosen],
            structure_hair=self.structure_hair[chosen],
            identity_features=[level[chosen] for level in self.identity_features],
            structure_features=[level[chosen] for level in self.structure_features],
            hair_of_structure=self.hair_of_structure.select(chosen),
            hair_of_appearance=self.hair_of_appearance.select(chosen),
        )


def lpips_features(lpips: Lpips, image: Tensor, region: Tensor, reading: Reading) -> list[Tensor]:
    """Give the five unit-normalised maps of an image, or under ``"inputs"`` of its masked region."""
    return lpips.features(image if reading == "features" else image * region)


def describe_hair(lpips: Lpips, image: Tensor, mask: Tensor | None, settings: LohoSettings) -> Hair:
    """Describe the hair of an image ``[N,3,H,W]`` in [-1,1] inside ``mask`` ``[N,1,H,W]``.

    Image and mask go into VGG as they are, without its usual normalisation, at ``style_resolution``.
    """
    vgg, size = lpips.vgg, settings.style_resolution
    masked = image if mask is None else image * mask
    if settings.masking == "features":
        maps = vgg(_enlarge(masked, size), (APPEARANCE_LAYER, *STYLE_LAYERS))
        feature_mask = mask
    else:
        # Equation 4 masks the features of the whole image, equation 6 the image that goes in.
        maps = vgg(_enlarge(masked, size), STYLE_LAYERS)
        maps |= vgg(_enlarge(image, size), (APPEARANCE_LAYER,))
        feature_mask = None
    return Hair(
        appearance=mean_appearance(maps[APPEARANCE_LAYER], mask),
        grams=tuple(gram_matrix(maps[layer], feature_mask) for layer in STYLE_LAYERS),
    )


def resize_to(image: Tensor, size: int) -> Tensor:
    """Bring ``[N,C,H,H]`` to ``size`` pixels: by the plain mean over boxes where they fit."""
    height = image.shape[-1]
    if height == size:
        return image
    if height % size == 0:
        return F.avg_pool2d(image, height // size)
    return F.interpolate(image, size=(size, size), mode="bilinear", align_corners=False, antialias=True)


def _enlarge(image: Tensor, size: int) -> Tensor:
    if image.shape[-1] == size:
        return image
    return F.interpolate(image, size=(size, size), mode="bilinear", align_corners=True)
