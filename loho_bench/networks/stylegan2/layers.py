"""Layers of the StyleGAN2 generator (Karras et al., "Analyzing and Improving the Image Quality of StyleGAN").

Attribute names spell the parameter names of the published PyTorch checkpoints.
Styles and demodulation factors are always float32; feature maps keep the dtype they come in.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.pixels import pixels
from loho_bench.networks.prepared import Prepared
from loho_bench.networks.stylegan2.styled_convolution import LEAKY_SLOPE, RgbOfPixels, styled_convolution

ACTIVATION_GAIN = math.sqrt(2.0)
DEMODULATION_EPS = 1e-8


def upsampling_kernel() -> Tensor:
    """Low-pass kernel [4, 4] of every doubling: outer product of [1, 3, 3, 1], of sum 4."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(taps, taps)
    return 4.0 * kernel / kernel.sum()


class PixelNorm(nn.Module):
    """Divides every vector by its root mean square: [N, D] -> [N, D]."""

    def forward(self, z: Tensor) -> Tensor:
        return z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)


class EqualLinear(nn.Module):
    """Linear layer [N, in] -> [N, out] whose weights are scaled at run time (equalised learning rate).

    `lr_mul` multiplies weights and biases; `activate` adds the scaled leaky ReLU; `gain` multiplies the
    initial weights only.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias_init: float = 0.0,
        lr_mul: float = 1.0,
        activate: bool = False,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) * (gain / lr_mul))
        self.bias = nn.Parameter(torch.full((out_features,), bias_init / lr_mul))
        self.scale = lr_mul / math.sqrt(in_features)
        self.lr_mul = lr_mul
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(x, self.weight * self.scale, self.bias * self.lr_mul)
        return F.leaky_relu(x, LEAKY_SLOPE) * ACTIVATION_GAIN if self.activate else x


def linear_per_sample(x: Tensor, weight: Tensor) -> Tensor:
    """x [N, in] times weight [out, in] transposed -> [N, out], the same to the last bit in every batch.

    A plain matrix product sums in an order that depends on N. An optimisation of hundreds of steps makes such
    a difference visible, and a batch would not give what its members give alone.
    """
    return torch.bmm(x[:, None], weight.t().expand(len(x), -1, -1))[:, 0]


class Resampler(nn.Module):
    """Holds the low-pass kernel buffer of a doubling.

    The kernel is symmetric, so that correlation and convolution are the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", upsampling_kernel())

    def depthwise(self, channels: int, dtype: torch.dtype) -> Tensor:
        """The kernel for every channel by itself, [channels, 1, 4, 4]."""
        return self.kernel.to(dtype).expand(channels, 1, 4, 4).contiguous()

    def double(self, x: Tensor) -> Tensor:
        """[N, C, r, r] -> [N, C, 2r, 2r]: zeros between the pixels, then the low-pass filter."""
        channels = x.shape[1]
        return F.conv_transpose2d(x, self.depthwise(channels, x.dtype), stride=2, padding=1, groups=channels)


class ModulatedConv(nn.Module):
    """Weights of a convolution whose input channels are scaled by a style; optionally preceded by a doubling.

    Scaling the input and the output instead of the weights is the same linear map, and lets a batch share one
    convolution whatever its styles.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        style_dim: int,
        *,
        upsample: bool = False,
        affine_gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, out_channels, in_channels, kernel_size, kernel_size))
        self.modulation = EqualLinear(style_dim, in_channels, bias_init=1.0, gain=affine_gain)
        self.scale = 1.0 / math.sqrt(in_channels * kernel_size**2)
        self.blur = Resampler() if upsample else None
        self._prepared: Prepared[_Weights] = Prepared()

    def styles(self, w: Tensor) -> Tensor:
        """Input scales [N, in], float32, for latents w [N, D]; the weight scale is included."""
        layer = self.modulation
        return (linear_per_sample(w, layer.weight * layer.scale) + layer.bias * layer.lr_mul) * self.scale

    def demodulation(self, styles: Tensor, weights: _Weights) -> Tensor:
        """Output scales [N, out], float32, that give unit variance for unit-variance inputs."""
        return torch.rsqrt(linear_per_sample(styles.square(), weights.energy) + DEMODULATION_EPS)

    def weights(self, dtype: torch.dtype) -> _Weights:
        """The weights as a convolution in ``dtype`` wants them; of a frozen layer they are made only once."""
        return self._prepared.get(self.weight, dtype, lambda: self._prepare(dtype))

    def _prepare(self, dtype: torch.dtype) -> _Weights:
        weight = self.weight[0]
        used = weight if self.blur is None else weight.transpose(0, 1)
        return _Weights(
            used.to(dtype).contiguous(memory_format=torch.channels_last),
            None if self.blur is None else self.blur.depthwise(len(weight), dtype),
            weight.square().sum(dim=(2, 3)),
        )


class _Weights(NamedTuple):
    """Weights as :func:`styled_convolution` wants them, and their energies [out, in]."""

    convolution: Tensor
    kernel: Tensor | None
    energy: Tensor


class _Scalar(nn.Module):
    """One learned number under the name `weight`: the strength of a noise map."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


class _ChannelBias(nn.Module):
    """A learned number per channel under the name `bias`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))


def clamped(x: Tensor, bound: float | None) -> Tensor:
    """x kept within +-bound; x itself where bound is None."""
    return x if bound is None else x.clamp(-bound, bound)


class StyledConv(nn.Module):
    """Modulated and demodulated 3x3 convolution, noise, bias, leaky ReLU times sqrt 2, bound at +-`clamp`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        style_dim: int,
        *,
        upsample: bool,
        affine_gain: float,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv(
            in_channels, out_channels, 3, style_dim, upsample=upsample, affine_gain=affine_gain
        )
        self.noise = _Scalar()
        self.activate = _ChannelBias(out_channels)
        self.clamp = clamp

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """x [N, in, r, r], w [N, D], noise [N or 1, 1, R, R] -> [N, out, R, R], R = r or 2r, dtype of x."""
        styles = self.conv.styles(w)
        weights = self.conv.weights(x.dtype)
        # The gain commutes with the leaky ReLU, so it rides on the small factors and costs no pass.
        return styled_convolution(
            x,
            styles,
            self.conv.demodulation(styles, weights) * ACTIVATION_GAIN,
            noise * (self.noise.weight * ACTIVATION_GAIN),
            self.activate.bias * ACTIVATION_GAIN,
            weights.convolution,
            weights.kernel,
            self.clamp,
        )


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to RGB (bound at +-`clamp`), plus the doubled image below it; float32."""

    def __init__(
        self,
        in_channels: int,
        style_dim: int,
        *,
        upsample: bool,
        affine_gain: float,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.upsample = Resampler() if upsample else None
        self.conv = ModulatedConv(in_channels, 3, 1, style_dim, affine_gain=affine_gain)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.clamp = clamp

    def forward(self, x: Tensor, w: Tensor, skip: Tensor | None = None) -> Tensor:
        """x [N, C, r, r], w [N, D], skip [N, 3, r/2, r/2] float32 -> [N, 3, r, r] float32."""
        # With three outputs it is cheaper to modulate the weights than the map: one small matrix per sample.
        weight = self.conv.weight[0, :, :, 0, 0] * self.conv.styles(w)[:, None, :]  # [N, 3, C]
        rgb = RgbOfPixels.apply(pixels(x), weight).unflatten(2, x.shape[2:])
        rgb = clamped(rgb + self.bias, self.clamp)
        return rgb if skip is None or self.upsample is None else rgb + self.upsample.double(skip)
