"""Convolutions of the inpainting network: gated ones, and the plain one at its end.

They pad as TensorFlow's "SAME" does, which the published weights were learned with: a stride of 2 over an
even side pads below and to the right alone.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_GAIN = 2.5  # 1 / (half the root mean square of ELU of a standard normal)


class SameConvolution(nn.Module):
    """A convolution [N, inputs, H, W] -> [N, outputs, H / stride, W / stride].

    ``kernel`` is odd, ``stride`` 1 or 2; ``H`` and ``W`` are multiples of the stride.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        reach = dilation * (kernel - 1) // 2
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, padding=reach if stride == 1 else 0, dilation=dilation
        )
        self._before, self._after = reach - stride + 1, reach

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolved map."""
        if self.conv.stride[0] > 1:
            x = F.pad(x, (self._before, self._after, self._before, self._after))
        return self.conv(x)


class GatedConvolution(SameConvolution):
    """Features times a gate in (0, 1), both convolved from the input (equation 2 of the paper)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        dilation: int = 1,
        activation: Callable[[Tensor], Tensor] = F.elu,
    ) -> None:
        super().__init__(inputs, 2 * outputs, kernel, stride, dilation)
        self._activation = activation
        # The gates begin at one half; features as strong as this keep their size from layer to layer.
        fan_in = inputs * kernel**2
        nn.init.normal_(self.conv.weight.data[:outputs], std=_GAIN / fan_in**0.5)
        nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, outputs, H / stride, W / stride]."""
        features, gate = super().forward(x).chunk(2, dim=1)
        return self._activation(features) * torch.sigmoid(gate)


class GatedUpsampling(nn.Module):
    """Every pixel doubled in both directions, then a gated convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = GatedConvolution(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, outputs, 2 H, 2 W]."""
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
