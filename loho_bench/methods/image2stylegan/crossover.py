"""Equation 1 of the LOHO paper for a tuple: which picture is compared where.

Image2StyleGAN++ knows two pictures, ``x`` and ``y``: a hairstyle comes from one person. A tuple has three:

==================  =======================================  ==========================================
term                compares ``G(w,n)`` with                 inside
==================  =======================================  ==========================================
``L_percept``,      ``x = I1``                               ``M_p = M_m``: outside the hair of ``I1``
first pixel term                                             and ``I2`` alike (the crossover's one side)
second pixel term   ``y``: hair of ``I2`` in the colours     the hair of ``I2`` (the other side)
                    of that of ``I3``
``L_style``         ``y = I3``, inside its own hair          ``M_s``: the hair of ``I2``
none                                                         the former hair of ``I1`` that ``I2`` does
                                                             not cover: left to the generator (inpainting)
==================  =======================================  ==========================================

Masks of pixel terms keep a margin from the edges of hair and are blurred, so that neither side pulls at a
seam. While the noise maps are sought, ``1 - M_m`` is the exact complement, as equation 1 has it: outside the
hair of ``I2``, ``y`` is then what the W+ found show, which keeps the noise maps from drawing there.

A tuple of one portrait is a reconstruction: ``M_p`` and ``M_m`` are the whole frame, the other terms are 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.annotation.masks import erode, scaled_pixels
from loho_bench.methods.colour_transfer import transfer_colours
from loho_bench.methods.compositing import blend, soft_mask
from loho_bench.methods.image2stylegan.losses import (
    describe,
    perceptual_loss,
    pixel_loss,
    style_gram,
    style_loss,
)
from loho_bench.methods.loho.targets import resize_to
from loho_bench.methods.protocol import TupleBatch
from loho_bench.networks.lpips import Lpips
from loho_bench.settings.image2stylegan import Image2StyleGanPlusPlusSettings

TERMS = ("perceptual", "pixels", "hair_pixels", "style")


@dataclass(frozen=True)
class Crossover:
    """Pictures ``[N,3,S,S]`` and masks ``[N,1,S,S]`` of a batch of tuples, and what VGG16 makes of them.

    ``identity`` is ``x``, ``hair`` the ``y`` of the second pixel term; ``kept`` is ``M_m``, ``brought`` where
    ``y`` counts, ``styled`` is ``M_s``.
    """

    lpips: Lpips
    settings: Image2StyleGanPlusPlusSettings
    identity: Tensor
    hair: Tensor
    kept: Tensor
    brought: Tensor
    styled: Tensor
    features: Mapping[str, Tensor]
    style: Tensor

    @classmethod
    @torch.no_grad()
    def of(
        cls, batch: TupleBatch, lpips: Lpips, size: int, settings: Image2StyleGanPlusPlusSettings
    ) -> Crossover:
        """State what equation 1 compares for ``batch``, at the generator's ``size``."""
        identity, structure, appearance, hair1, hair2, hair3 = (
            resize_to(tensor, size)
            for tensor in (
                batch.identity,
                batch.structure,
                batch.appearance,
                batch.identity_hair,
                batch.structure_hair,
                batch.appearance_hair,
            )
        )
        transferred = (~is_reconstruction(batch)).float().view(-1, 1, 1, 1)
        hair2 = transferred * hair2
        margin = scaled_pixels(settings.margin, size)
        outside = 1 - transferred * torch.maximum(hair1, hair2)
        seen = settings.perceptual_resolution
        return cls(
            lpips=lpips,
            settings=settings,
            identity=identity,
            hair=transfer_colours(structure, hair2, appearance, hair3) if settings.recolour else structure,
            kept=soft_mask(_inside(outside, margin), size),
            brought=soft_mask(_inside(hair2, margin), size),
            styled=hair2,
            features=describe(lpips, identity, settings.perceptual_layers, seen),
            style=style_gram(
                describe(lpips, appearance, (settings.style_layer,), seen)[settings.style_layer],
                transferred * hair3,
            ),
        )

    def latent_terms(self, image: Tensor) -> dict[str, Tensor]:
        """Give all four terms ``[N]`` of equation 1 for ``G(w,n)`` ``[N,3,S,S]``."""
        settings = self.settings
        layers = (*settings.perceptual_layers, settings.style_layer)
        found = describe(self.lpips, image, layers, settings.perceptual_resolution)
        return {
            "perceptual": perceptual_loss(found, self.features, settings.perceptual_layers, self.kept),
            "pixels": pixel_loss(image, self.identity, self.kept),
            "hair_pixels": pixel_loss(image, self.hair, self.brought),
            "style": style_loss(style_gram(found[settings.style_layer], self.styled), self.style),
        }

    def noise_terms(self, image: Tensor, embedded: Tensor) -> dict[str, Tensor]:
        """Give the two pixel terms ``[N]`` of equation 1, which the noise maps are sought by.

        ``embedded`` ``[N,3,S,S]`` is what the W+ found show.
        """
        other = blend(self.hair, embedded, self.brought)
        return {
            "pixels": pixel_loss(image, self.identity, self.kept),
            "hair_pixels": pixel_loss(image, other, 1 - self.kept),
        }


def is_reconstruction(batch: TupleBatch) -> Tensor:
    """Say which tuples ``[N]`` have the same image as identity, structure and appearance."""
    same = (batch.identity == batch.structure) & (batch.identity == batch.appearance)
    return same.flatten(1).all(1)


def _inside(region: Tensor, margin: int) -> Tensor:
    """Shrink ``region`` ``[N,1,S,S]`` by ``margin`` pixels from its edges, those of the frame excepted."""
    pads = (margin, margin, margin, margin)
    padded = F.pad((region > 0.5).float(), pads, mode="replicate")
    return erode(padded, margin)[..., margin:-margin, margin:-margin]
