"""The encoder of Graphonomy: an Xception of separable residual blocks, as DeepLabv3+ modifies it.

Module names are those of the published checkpoint, so its tensors fit a network of the published widths.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DepthwiseConv(nn.Conv2d):
    """3x3 convolution of every channel by itself, without bias.

    With a stride or a dilation it stays in float32 under autocast: CPUs have no fast bfloat16 gradient of
    such a one (a factor of two to ten).
    """

    def __init__(self, channels: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__(
            channels, channels, 3, stride, padding=dilation, dilation=dilation, groups=channels, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, C, ceil(H / stride), ceil(W / stride)] for x [N, C, H, W]."""
        if self.stride == self.dilation == (1, 1):
            return super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.to(self.weight.dtype))


class SeparableConv(nn.Module):
    """3x3 depthwise convolution, then 1x1 pointwise, each followed by a batch normalisation.

    ``rectify`` adds a ReLU after each of the two: the form of the exit flow's last three, of ASPP and of the
    decoder. Inside residual blocks there is none.
    """

    def __init__(
        self, inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1, rectify: bool = False
    ) -> None:
        super().__init__()
        self.depthwise = DepthwiseConv(inputs, stride=stride, dilation=dilation)
        self.depthwise_bn = nn.BatchNorm2d(inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.pointwise_bn = nn.BatchNorm2d(outputs)
        self.rectify = rectify

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, outputs, ceil(H / stride), ceil(W / stride)] for x [N, inputs, H, W]."""
        x = self.depthwise_bn(self.depthwise(x))
        if self.rectify:
            x = F.relu(x, inplace=True)
        x = self.pointwise_bn(self.pointwise(x))
        return F.relu(x, inplace=True) if self.rectify else x


class Block(nn.Module):
    """A residual block of separable convolutions; the last of them carries the stride.

    Where a block starts with a ReLU, its shortcut starts from the *rectified* input: in the published network
    that ReLU works in place, and the weights were trained with it.

    Parameters
    ----------
    widths : sequence of int
        Channels before the first and after each convolution.
    stride : int
        Of the last convolution and of the shortcut.
    starts_with_relu : bool
        False for the first block only.
    """

    def __init__(self, widths: Sequence[int], *, stride: int = 1, starts_with_relu: bool = True) -> None:
        super().__init__()
        self.starts_with_relu = starts_with_relu
        self.rep = _chain(widths, stride, first_index=int(starts_with_relu))
        self.reshapes = stride != 1 or widths[0] != widths[-1]
        if self.reshapes:
            self.skip = nn.Conv2d(widths[0], widths[-1], 1, stride, bias=False)
            self.skipbn = nn.BatchNorm2d(widths[-1])

    def shortcut(self, x: Tensor) -> Tensor:
        """Return the other summand: the (rectified) input, or its strided 1x1 projection."""
        return self.skipbn(self.skip(x)) if self.reshapes else x

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, widths[-1], ceil(H / stride), ceil(W / stride)] for x [N, widths[0], H, W]."""
        if self.starts_with_relu:
            x = F.relu(x)
        return self.rep(x) + self.shortcut(x)


class TappedBlock(Block):
    """The second block: also hands out what it has before its strided convolution, the low-level features."""

    def __init__(self, widths: Sequence[int], *, stride: int = 1) -> None:
        super().__init__(widths, stride=stride)
        self.rep = _chain(widths[:-1], 1, first_index=1)
        self.block2_lastconv = nn.Sequential(nn.ReLU(), SeparableConv(widths[-2], widths[-1], stride=stride))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the block's output and the unrectified low-level features [N, widths[-2], H, W]."""
        x = F.relu(x)
        low_level = self.rep(x)
        return self.block2_lastconv(low_level) + self.shortcut(x), low_level


def _chain(widths: Sequence[int], stride: int, first_index: int) -> nn.Sequential:
    """Return separable convolutions with ReLUs between them, numbered from ``first_index``."""
    layers: list[nn.Module] = []
    for position, (inputs, outputs) in enumerate(pairwise(widths)):
        last = position == len(widths) - 2
        layers += [SeparableConv(inputs, outputs, stride=stride if last else 1), nn.ReLU(inplace=True)]
    return nn.Sequential(OrderedDict((str(first_index + i), layer) for i, layer in enumerate(layers[:-1])))


class Xception(nn.Module):
    """Entry, middle and exit flow.

    Parameters
    ----------
    stem : sequence of 2 int
        Widths of the two plain convolutions.
    entry : sequence of 3 int
        Widths of the three entry blocks; the last is also that of the middle flow.
    middle_blocks : int
        Number of residual blocks of the middle flow.
    exit : sequence of 4 int
        Widths of the exit block and of the three separable convolutions after it.
    strides : sequence of 5 int
        Of the stem, the three entry blocks and the exit block. Their product is the output stride; that of
        the first two is the stride of the low-level features.
    """

    def __init__(
        self,
        stem: Sequence[int] = (32, 64),
        entry: Sequence[int] = (128, 256, 728),
        middle_blocks: int = 16,
        exit: Sequence[int] = (1024, 1536, 1536, 2048),
        strides: Sequence[int] = (2, 2, 2, 2, 1),
    ) -> None:
        super().__init__()
        first, second, third = entry
        self.conv1 = nn.Conv2d(3, stem[0], 3, strides[0], padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem[0])
        self.conv2 = nn.Conv2d(stem[0], stem[1], 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem[1])
        self.block1 = Block((stem[1], first, first, first), stride=strides[1], starts_with_relu=False)
        self.block2 = TappedBlock((first, second, second, second), stride=strides[2])
        self.block3 = Block((second, third, third, third), stride=strides[3])
        self.middle_names = [f"block{4 + index}" for index in range(middle_blocks)]
        for name in self.middle_names:
            self.add_module(name, Block((third,) * 4))
        self.block20 = Block((third, third, exit[0], exit[0]), stride=strides[4])
        self.conv3 = SeparableConv(exit[0], exit[1], dilation=2, rectify=True)
        self.conv4 = SeparableConv(exit[1], exit[2], dilation=2, rectify=True)
        self.conv5 = SeparableConv(exit[2], exit[3], dilation=2, rectify=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode images.

        Parameters
        ----------
        x : Tensor [N, 3, H, W]

        Returns
        -------
        (Tensor, Tensor)
            Features [N, exit[-1], h, w] at the output stride, rectified; low-level features
            [N, entry[1], h', w'] at the stride of the stem and the first block, not rectified.
        """
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        x, low_level = self.block2(self.block1(x))
        x = self.block3(x)
        for name in self.middle_names:
            x = getattr(self, name)(x)
        x = self.block20(x)
        for separable in (self.conv3, self.conv4, self.conv5):
            x = separable(x)
        return x, low_level
