"""A better place to start from than the mean latent: what random portraits of the generator teach.

Ridge regression from pixels to W has a closed form, and in its dual form any pixels can be left out: every
tuple has its own region, the face of the identity and the hair of the structure.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from loho_bench.methods.colour_transfer import transfer_colours
from loho_bench.methods.loho.targets import Targets, resize_to
from loho_bench.methods.protocol import TupleBatch
from loho_bench.networks.stylegan2 import Generator
from loho_bench.settings.loho import StartSettings

_SEED = 1
_AT_ONCE = 16


@dataclass(frozen=True)
class Bank:
    """Random portraits ``[K,3,r,r]`` and their W ``[K,D]``, both without their means, and the means."""

    portraits: Tensor
    latents: Tensor
    mean_portrait: Tensor
    mean_latent: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, generator: Generator, settings: StartSettings) -> Bank:
        """Draw the portraits, the same in every job, and reduce them to ``settings.resolution``."""
        draws = torch.randn(
            settings.portraits, generator.style_dim, generator=torch.Generator().manual_seed(_SEED)
        )
        latents = generator.mapping(draws.to(generator.input.input.device))
        portraits = torch.cat(
            [
                resize_to(
                    generator.synthesis(w[:, None].repeat(1, generator.num_latents, 1)), settings.resolution
                )
                for w in latents.split(_AT_ONCE)
            ]
        )
        mean_portrait, mean_latent = portraits.mean(0), latents.mean(0)
        return cls(portraits - mean_portrait, latents - mean_latent, mean_portrait, mean_latent)

    def regress(self, image: Tensor, weights: Tensor, ridge: float) -> Tensor:
        """Give W ``[N,D]`` for portraits of which only a part is known.

        With ``X`` the bank's portraits and ``y`` a portrait, both times the root of its weights::

            w = mean + Wᵀ (X Xᵀ + ridge tr(X Xᵀ)/K)⁻¹ X y

        Parameters
        ----------
        image : Tensor
            ``[N,3,r,r]``; what it shows where it has no weight does not matter.
        weights : Tensor
            ``[N,1,r,r]`` in [0,1].
        ridge : float
            Larger stays nearer to the mean.
        """
        roots = weights.sqrt()
        found = []
        for own, root in zip(image, roots, strict=True):
            known = (self.portraits * root).flatten(1)
            products = known @ known.T
            products.diagonal().add_(ridge * products.diagonal().mean())
            wanted = known @ ((own - self.mean_portrait) * root).flatten()
            found.append(self.mean_latent + torch.linalg.solve(products, wanted) @ self.latents)
        return torch.stack(found)


@torch.no_grad()
def start_from(bank: Bank, batch: TupleBatch, targets: Targets, ridge: float) -> Tensor:
    """Give W ``[N,D]`` of portraits with the identity's face and the structure's hair.

    The hair has the colours of the appearance's, which stage 2 has to bring it to anyway.
    """
    size, frame = bank.portraits.shape[-1], targets.face_region.shape[-1]
    recoloured = transfer_colours(
        batch.structure, batch.structure_hair, batch.appearance, batch.appearance_hair
    )
    identity, structure = (resize_to(image, frame) for image in (batch.identity, recoloured))
    shown = identity * targets.face_region + structure * targets.hair_region
    weights = resize_to(targets.face_region + targets.hair_region, size).clamp(max=1)
    return bank.regress(resize_to(shown, size) / weights.clamp(min=1e-6), weights, ridge)
