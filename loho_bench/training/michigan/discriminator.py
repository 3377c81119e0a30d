"""Who tells painted portraits from rendered ones, patch by patch, and what the generator learns from it.

A smaller form of the published discriminator: spectrally normalized convolutions over the portrait, its hair
mask and its orientation map, hinge losses, and the matching of its inner features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

_SLOPE = 0.2
_INPUTS = 6  # image, hair mask, two channels of the orientation
_WIDTHS = (24, 48, 96)


class PatchDiscriminator(nn.Module):
    """Logits of being real, one for every patch of about a quarter of a 128-pixel portrait."""

    def __init__(self) -> None:
        super().__init__()
        pairs = zip((_INPUTS, *_WIDTHS), _WIDTHS, strict=False)
        self.layers = nn.ModuleList(spectral_norm(nn.Conv2d(i, o, 4, 2, 1)) for i, o in pairs)
        self.head = spectral_norm(nn.Conv2d(_WIDTHS[-1], 1, 3, padding=1))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return logits ``[N, 1, S/8, S/8]`` and the inner features for x ``[N, 6, S, S]``."""
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), _SLOPE)
            features.append(x)
        return self.head(x), features


class Rival:
    """A discriminator with its optimizer.

    Parameters
    ----------
    learning_rate : float
        Of the discriminator.
    """

    def __init__(self, learning_rate: float) -> None:
        self.discriminator = PatchDiscriminator().to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.discriminator.parameters(), lr=learning_rate, betas=(0.0, 0.9))

    def update(self, real: Tensor, fake: Tensor, structure: Tensor) -> float:
        """Train the discriminator for one step; return its hinge loss: 2 at chance, 0 when all is told apart.

        Parameters
        ----------
        real, fake : Tensor [N, 3, S, S] in [-1, 1]
            No gradient goes into them.
        structure : Tensor [N, 3, S, S]
            Hair mask and orientation.
        """
        self.discriminator.requires_grad_(True)
        both = torch.cat([torch.cat([real, fake.detach()]), structure.repeat(2, 1, 1, 1)], dim=1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, _ = self.discriminator(both)
        of_real, of_fake = logits.float().chunk(2)
        loss = F.relu(1 - of_real).mean() + F.relu(1 + of_fake).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.discriminator.requires_grad_(False)
        return loss.item()

    def judge(self, real: Tensor, fake: Tensor, structure: Tensor) -> tuple[Tensor, Tensor]:
        """Return the generator's hinge loss, and the mean distance of inner features from those of ``real``.

        The discriminator gets no gradient.
        """
        both = torch.cat([torch.cat([real, fake]), structure.repeat(2, 1, 1, 1)], dim=1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, features = self.discriminator(both)
        halves = [level.float().chunk(2) for level in features]
        matching = torch.stack([F.l1_loss(of_fake, of_real.detach()) for of_real, of_fake in halves])
        return -logits.float().chunk(2)[1].mean(), matching.mean()

    def state_dict(self) -> dict[str, Any]:
        """Return what changes while training."""
        return {"discriminator": self.discriminator.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that was kept."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(state["optimizer"])
