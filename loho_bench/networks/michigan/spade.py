"""Spatially adaptive normalization (SPADE, CVPR 2019) and the residual block made of it."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.michigan.spectral import SpectralConvolution

SLOPE = 0.2
"""Of every leaky ReLU in the generator."""


class SpadeNormalization(nn.Module):
    """Batch normalization whose scale and shift are drawn, pixel by pixel, from the structure.

    Parameters
    ----------
    channels : int
        Of the features.
    conditions : int
        Channels of the structure.
    hidden : int
        Channels between structure and scale.
    """

    def __init__(self, channels: int, conditions: int, hidden: int) -> None:
        super().__init__()
        self.param_free_norm = nn.BatchNorm2d(channels, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(conditions, hidden, 3, padding=1), nn.ReLU(inplace=True))
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, structure: Tensor) -> Tensor:
        """Return [N, channels, h, w] for x of that shape and the structure [N, conditions, H, W]."""
        shared = self.mlp_shared(F.interpolate(structure, size=x.shape[2:], mode="nearest"))
        return self.param_free_norm(x) * (1 + self.mlp_gamma(shared)) + self.mlp_beta(shared)


class SpadeBlock(nn.Module):
    """Two normalizations with spectrally normalized convolutions, and a shortcut around them.

    The shortcut has a normalization and a 1x1 convolution of its own where the channels change.
    """

    def __init__(self, inputs: int, outputs: int, conditions: int, hidden: int) -> None:
        super().__init__()
        narrow = min(inputs, outputs)
        self.conv_0 = SpectralConvolution(inputs, narrow, 3, padding=1)
        self.conv_1 = SpectralConvolution(narrow, outputs, 3, padding=1)
        self.norm_0 = SpadeNormalization(inputs, conditions, hidden)
        self.norm_1 = SpadeNormalization(narrow, conditions, hidden)
        self.has_convolved_shortcut = inputs != outputs
        if self.has_convolved_shortcut:
            self.conv_s = SpectralConvolution(inputs, outputs, 1, bias=False)
            self.norm_s = SpadeNormalization(inputs, conditions, hidden)

    def forward(self, x: Tensor, structure: Tensor) -> Tensor:
        """Return [N, outputs, h, w] for x [N, inputs, h, w] and the structure [N, conditions, H, W]."""
        shortcut = self.conv_s(self.norm_s(x, structure)) if self.has_convolved_shortcut else x
        x = self.conv_0(F.leaky_relu(self.norm_0(x, structure), SLOPE))
        return shortcut + self.conv_1(F.leaky_relu(self.norm_1(x, structure), SLOPE))
