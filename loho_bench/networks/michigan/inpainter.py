"""The network that continues an orientation map into hair which the donor of the structure does not have.

Module names are those of the published checkpoints.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from loho_bench.networks.michigan.spectral import SpectralConvolution, SpectralTransposedConvolution

SLOPE = 0.2


class DilatedBlock(nn.Module):
    """A residual block of two 3x3 convolutions, the first with dilation 2, in reflecting borders."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(2),
            SpectralConvolution(channels, channels, 3, dilation=2),
            nn.InstanceNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            SpectralConvolution(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, channels, H, W] for x of the same shape."""
        return x + self.conv_block(x)


class SelfAttention(nn.Module):
    """Every pixel asks all pixels; what it hears stands beside what it was."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query_conv = nn.Conv2d(channels, channels // 4, 1)
        self.key_conv = nn.Conv2d(channels, channels // 4, 1)
        self.value_conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, 2 * channels, H, W] for x [N, channels, H, W]."""
        query, key, value = (
            layer(x).flatten(2) for layer in (self.query_conv, self.key_conv, self.value_conv)
        )
        weights = (query.transpose(1, 2) @ key).softmax(dim=-1)  # without the usual 1 / sqrt(channels)
        return torch.cat([x, (value @ weights.transpose(1, 2)).view_as(x)], dim=1)


class OrientationInpainter(nn.Module):
    """Fills holes of an orientation map in its RGB encoding.

    Parameters
    ----------
    inputs : {4, 5}
        4: the encoded map and the hole (the published ``InpaintingModel_gen.pth``); 5: and a mask of strokes
        that a user drew (``SInpaintingModel_gen.pth``).
    size : int
        Side of the maps that it was trained on, a multiple of 4.
    width : int
        Channels at full size.
    blocks : int
        Residual blocks at a quarter of the size.
    """

    def __init__(self, *, inputs: int = 4, size: int = 256, width: int = 64, blocks: int = 12) -> None:
        super().__init__()
        self._config = {"inputs": inputs, "size": size, "width": width, "blocks": blocks}
        self.size = size
        self.encoder = nn.Sequential(
            nn.ReflectionPad2d(3),
            SpectralConvolution(inputs, width, 7),
            nn.InstanceNorm2d(width),
            nn.LeakyReLU(SLOPE, inplace=True),
            SpectralConvolution(width, 2 * width, 4, stride=2, padding=1),
            nn.InstanceNorm2d(2 * width),
            nn.LeakyReLU(SLOPE, inplace=True),
            SpectralConvolution(2 * width, 4 * width, 4, stride=2, padding=1),
            nn.InstanceNorm2d(4 * width),
            nn.LeakyReLU(SLOPE, inplace=True),
        )
        self.middle = nn.Sequential(
            *(DilatedBlock(4 * width) for _ in range(blocks)), SelfAttention(4 * width)
        )
        self.decoder = nn.Sequential(
            SpectralTransposedConvolution(8 * width, 2 * width, 4, stride=2, padding=1),
            nn.InstanceNorm2d(2 * width),
            nn.ReLU(inplace=True),
            SpectralTransposedConvolution(2 * width, width, 4, stride=2, padding=1),
            nn.InstanceNorm2d(width),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(3),
            nn.Conv2d(width, 3, 7),
        )

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        return dict(self._config)

    def forward(self, x: Tensor) -> Tensor:
        """Return the encoded map [N, 3, H, W] in [0, 1] for x [N, inputs, H, W] in [0, 1]."""
        return (torch.tanh(self.decoder(self.middle(self.encoder(x)))) + 1) / 2
