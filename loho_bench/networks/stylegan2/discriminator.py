"""The residual discriminator of StyleGAN2 ("Analyzing and Improving the Image Quality of StyleGAN", 2020).

Attribute names spell the parameter names of the published PyTorch checkpoints. Only training needs it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.matching import network_for
from loho_bench.networks.stylegan2.layers import ACTIVATION_GAIN, LEAKY_SLOPE, EqualLinear, upsampling_kernel

_GROUP = 4  # samples whose deviation is taken together
_DEVIATION_EPS = 1e-8


class Blur(nn.Module):
    """Low-pass filter of sum 1: [N, C, r, r] -> [N, C, R, R]; R = r + 2 padding - 3, divided by `stride`."""

    def __init__(self, *, padding: int, stride: int = 1) -> None:
        super().__init__()
        self.register_buffer("kernel", upsampling_kernel() / 4)
        self.padding, self.stride = padding, stride

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(channels, 1, 4, 4).contiguous()
        return F.conv2d(x, kernel, stride=self.stride, padding=self.padding, groups=channels)


class EqualConv(nn.Module):
    """Convolution without bias whose weights are scaled at run time: [N, in, r, r] -> [N, out, R, R].

    `gain` multiplies the output beyond the equalising 1 / sqrt(in * size**2); dtype of x.
    """

    def __init__(
        self, in_channels: int, out_channels: int, size: int, *, stride: int, padding: int, gain: float
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, size, size))
        self.scale = gain / math.sqrt(in_channels * size**2)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        weight = (self.weight * self.scale).to(dtype=x.dtype, memory_format=torch.channels_last)
        return F.conv2d(x, weight, stride=self.stride, padding=self.padding)


class BiasedLeakyReLU(nn.Module):
    """Leaky ReLU of x + gain * bias, in place; the gain of x itself rides on the convolution before."""

    def __init__(self, channels: int, *, gain: float) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        bias = (self.bias * self.gain).to(x.dtype)[None, :, None, None]
        return F.leaky_relu_(x.add_(bias), LEAKY_SLOPE)


class ConvLayer(nn.Sequential):
    """Convolution, biased leaky ReLU times sqrt 2: [N, in, r, r] -> [N, out, r, r].

    `downsample` blurs before it and halves r; `activate` False leaves bias and activation out; `gain`
    multiplies the result.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int,
        *,
        downsample: bool = False,
        activate: bool = True,
        gain: float = 1.0,
    ) -> None:
        gain *= ACTIVATION_GAIN if activate else 1.0
        stride, padding, layers = 1, size // 2, []
        if downsample and size == 1:
            # A 1x1 convolution uses every second pixel of the blurred map: the filter skips the others.
            layers.append(Blur(padding=1, stride=2))
        elif downsample:
            layers.append(Blur(padding=2))
            stride, padding = 2, 0
        layers.append(EqualConv(in_channels, out_channels, size, stride=stride, padding=padding, gain=gain))
        if activate:
            layers.append(BiasedLeakyReLU(out_channels, gain=gain))
        super().__init__(*layers)


class ResidualBlock(nn.Module):
    """(two convolutions + skip) / sqrt 2, halving the map: [N, in, r, r] -> [N, out, r/2, r/2]."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        half = math.sqrt(0.5)  # positive, so that it commutes with the activation
        self.conv1 = ConvLayer(in_channels, in_channels, 3)
        self.conv2 = ConvLayer(in_channels, out_channels, 3, downsample=True, gain=half)
        self.skip = ConvLayer(in_channels, out_channels, 1, downsample=True, activate=False, gain=half)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x)) + self.skip(x)


def minibatch_deviation(x: Tensor) -> Tensor:
    """Mean deviation over a group of samples, as one more feature map: [N, C, r, r] -> [N, 1, r, r].

    As published: N / 4 groups of 4, sample n in group n modulo N / 4. Where 4 does not divide N, groups are
    smaller; a sample alone has deviation 0 (1e-4).
    """
    count, height, width = len(x), *x.shape[2:]
    group = max(size for size in range(1, _GROUP + 1) if count % size == 0)
    variance = x.unflatten(0, (group, -1)).var(0, correction=0)  # [N / group, C, r, r]
    deviation = (variance + _DEVIATION_EPS).sqrt().mean((1, 2, 3))
    return deviation.repeat(group)[:, None, None, None].expand(-1, -1, height, width)


class Discriminator(nn.Module):
    """Tells generated images from real ones.

    Parameters
    ----------
    size : int
        Width and height of the images in pixels, a power of two, at least 8.
    channels : mapping of int to int
        Feature channels at each resolution 4, 8, ..., size.
    compute_dtype : torch.dtype
        Of the feature maps down to 4x4 and of their convolutions; the layers after them have the parameters'
        dtype. May be changed at any time.

    Raises
    ------
    ValueError
        `size` is not such a number.
    """

    def __init__(
        self, size: int, channels: Mapping[int, int], *, compute_dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        if size < 8 or size & (size - 1):
            raise ValueError(f"size must be a power of two of at least 8, not {size}")
        self.size = size
        self.compute_dtype = compute_dtype
        levels = [2**k for k in range(int(math.log2(size)), 2, -1)]
        blocks = [ResidualBlock(channels[r], channels[r // 2]) for r in levels]
        self.convs = nn.Sequential(ConvLayer(3, channels[size], 1), *blocks)
        self.final_conv = ConvLayer(channels[4] + 1, channels[4], 3)
        self.final_linear = nn.Sequential(
            EqualLinear(16 * channels[4], channels[4], activate=True), EqualLinear(channels[4], 1)
        )

    @classmethod
    def from_state_dict(
        cls, state: Mapping[str, Tensor], *, compute_dtype: torch.dtype = torch.float32
    ) -> Discriminator:
        """Discriminator for a state dict (the `d` of a checkpoint), every size taken from its tensors.

        Raises
        ------
        UserError
            The state dict is not that of a StyleGAN2 discriminator: tensors missing, unknown or misshapen.
        """

        def build() -> Discriminator:
            blocks = sum(key.startswith("convs.") and key.endswith(".conv1.0.weight") for key in state)
            size = 4 * 2**blocks
            channels = {size: state["convs.0.0.weight"].shape[0]}
            for b in range(1, blocks + 1):
                channels[size >> b] = state[f"convs.{b}.conv2.1.weight"].shape[0]
            return cls(size, channels, compute_dtype=compute_dtype)

        return network_for(
            build,
            state,
            what="These tensors are not a StyleGAN2 discriminator.",
            remedy="Give the 'd' part of a checkpoint in the common PyTorch layout.",
        )

    def forward(self, images: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Logits [N, 1] of being real, in the parameters' dtype, for images [N, 3, S, S] in [-1, 1].

        `dtype` replaces `compute_dtype` for this call.

        Raises
        ------
        ValueError
            The images have another size.
        """
        if images.shape[1:] != (3, self.size, self.size):
            raise ValueError(f"images must be [N, 3, {self.size}, {self.size}], not {list(images.shape)}")
        dtype = self.compute_dtype if dtype is None else dtype
        x = self.convs(images.to(dtype=dtype, memory_format=torch.channels_last))
        x = x.to(self.final_linear[0].weight.dtype)
        x = self.final_conv(torch.cat([x, minibatch_deviation(x)], dim=1))
        # The published linear layer counts channels first, whatever the memory format.
        return self.final_linear(x.flatten(1))
