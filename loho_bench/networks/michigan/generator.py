"""MichiGAN's generator in the configuration of its published inference command.

Module names are those of the published checkpoint, its spelling of "background" included.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.michigan.encoders import AppearanceEncoder, BackgroundEncoder
from loho_bench.networks.michigan.spade import SLOPE, SpadeBlock

DILATION = 5
"""Side of the square by which hair grows before what is left counts as background."""
STRUCTURE_CHANNELS = 4
"""Background, hair, and the two channels of the orientation."""


class SpadeGenerator(nn.Module):
    """Paints hair of a given shape, flow and appearance into a portrait, and keeps what lies around it.

    Parameters
    ----------
    size : int
        Side of the images. ``size + margin`` is a multiple of ``2 ** levels``.
    width : int
        Channels at full size; every halving doubles them, up to sixteen times.
    widest : int
        Most channels anywhere; a limit for small networks.
    hidden : int
        See :class:`SpadeNormalization`.
    margin : int
        Pixels of zeros that are added to height and width inside, half on either side, and cut off again.
    levels : {5, 6}
        Doublings from the appearance code to the image.
    halvings : int
        Of the reference in the appearance encoder, 1 to 5. It is averaged over the pixels of the last size
        that the hair covers: small portraits have too few after five.
    normalized_appearance : bool
        See :class:`AppearanceEncoder`.
    """

    def __init__(
        self,
        *,
        size: int = 512,
        width: int = 64,
        widest: int = 1024,
        hidden: int = 128,
        margin: int = 64,
        levels: int = 6,
        halvings: int = 5,
        normalized_appearance: bool = True,
    ) -> None:
        super().__init__()
        if levels not in (5, 6):
            raise ValueError(f"levels is 5 or 6, not {levels}")
        if not 1 <= halvings <= 5:
            raise ValueError(f"halvings is 1 to 5, not {halvings}")
        if (size + margin) % 2**levels or margin % 2:
            raise ValueError(f"size {size} and margin {margin} do not add up to a multiple of {2**levels}")
        self._config = {
            "size": size,
            "width": width,
            "widest": widest,
            "hidden": hidden,
            "margin": margin,
            "levels": levels,
            "halvings": halvings,
            "normalized_appearance": normalized_appearance,
        }
        self.size, self.margin, self.levels = size, margin, levels
        one, two, four, eight, sixteen = (min(width * 2**k, widest) for k in range(5))
        widths = (one, two, four, eight, sixteen)[-halvings:]
        self.fc = AppearanceEncoder(widths, normalized=normalized_appearance)
        self.head_0 = SpadeBlock(sixteen, sixteen, STRUCTURE_CHANNELS, hidden)
        self.G_middle_0 = SpadeBlock(sixteen, sixteen, STRUCTURE_CHANNELS, hidden)
        self.G_middle_1 = SpadeBlock(sixteen, sixteen, STRUCTURE_CHANNELS, hidden)
        self.up_0 = SpadeBlock(sixteen, eight, STRUCTURE_CHANNELS, hidden)
        self.up_1 = SpadeBlock(eight, four, STRUCTURE_CHANNELS, hidden)
        self.up_2 = SpadeBlock(four, two, STRUCTURE_CHANNELS, hidden)
        self.up_3 = SpadeBlock(two, one, STRUCTURE_CHANNELS, hidden)
        self.conv_img = nn.Conv2d(one, 3, 3, padding=1)
        self.backgroud_enc = BackgroundEncoder((eight, four, two, one))

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON: ``SpadeGenerator(**config)`` rebuilds it."""
        return dict(self._config)

    def forward(
        self,
        *,
        orientation: Tensor,
        hair: Tensor,
        image: Tensor,
        reference_image: Tensor,
        reference_hair: Tensor,
        noise: Tensor,
        dilation: int = DILATION,
    ) -> Tensor:
        """Paint.

        Parameters
        ----------
        orientation : Tensor [N, 2, S, S] in [-1, 1]
            Sine and cosine of twice the angle, see :func:`rgb_to_channels`; used inside the hair.
        hair : Tensor [N, 1, S, S] in {0, 1}
            Where hair shall be.
        image : Tensor [N, 3, S, S] in [-1, 1]
            The portrait whose surroundings are kept.
        reference_image : Tensor [N, 3, S, S] in [-1, 1]
        reference_hair : Tensor [N, 1, S, S] in {0, 1}
            The portrait that the appearance is taken from, and its hair.
        noise : Tensor [N, 3, S, S]
            What the background encoder sees in place of hair, see :func:`octave_noise`.
        dilation : int, odd
            The published training draws it anew for every batch.

        Returns
        -------
        Tensor [N, 3, S, S] in [-1, 1]
        """
        structure = self._pad(torch.cat([1 - hair, hair, orientation * hair], dim=1))
        grown = self._pad(F.max_pool2d(hair, dilation, stride=1, padding=dilation // 2))
        hair, image, noise = self._pad(hair), self._pad(image), self._pad(noise)
        side = structure.shape[-1] // 2**self.levels
        x = self.fc(self._pad(reference_image), self._pad(reference_hair), hair, side)
        x = self.head_0(x, structure)
        x = self.G_middle_0(_doubled(x), structure)
        x = self.G_middle_1(_doubled(x) if self.levels == 6 else x, structure)
        behind = self.backgroud_enc(image, 1 - grown, noise)
        for block, features in zip((self.up_0, self.up_1, self.up_2, self.up_3), behind, strict=True):
            x = block(_doubled(x), structure)
            inside, reach = (F.interpolate(m, size=x.shape[2:], mode="nearest") for m in (hair, grown))
            x = features * (1 - inside) + x * reach
        return self._crop(torch.tanh(self.conv_img(F.leaky_relu(x, SLOPE))))

    def _pad(self, x: Tensor) -> Tensor:
        return F.pad(x, [self.margin // 2] * 4)

    def _crop(self, x: Tensor) -> Tensor:
        return F.pad(x, [-(self.margin // 2)] * 4)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")
