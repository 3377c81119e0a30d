"""A stacked hourglass that draws one heat map per landmark, in the form of FAN (2D-FAN, ICCV 2017).

Module names are those of the published network, so its tensors fit a network of the published widths.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LANDMARKS = 68


def decode(heatmaps: Tensor, sharpness: float = 15.0) -> Tensor:
    """Read landmarks from heat maps: the mean position under a softmax (soft-argmax), differentiable.

    Parameters
    ----------
    heatmaps : Tensor [N, K, h, w]
        About 1 at a landmark and 0 far from it.
    sharpness : float
        Factor on the heat maps before the softmax. A Gaussian peak of standard deviation s becomes one of
        s / sqrt(sharpness): at 15, s = 2 cells is wide enough to be read between cells (to 0.01), and a
        thousand cells near 0 weigh less than a thousandth of the peak.

    Returns
    -------
    Tensor [N, K, 2] float32
        (x, y) as fractions of the frame; the cell in row i, column j lies at ((j + 0.5) / w, (i + 0.5) / h).
    """
    height, width = heatmaps.shape[-2:]
    weights = (sharpness * heatmaps.float()).flatten(2).softmax(dim=-1).unflatten(2, (height, width))
    columns = (torch.arange(width, device=heatmaps.device) + 0.5) / width
    rows = (torch.arange(height, device=heatmaps.device) + 0.5) / height
    return torch.stack([weights.sum(dim=2) @ columns, weights.sum(dim=3) @ rows], dim=-1)


class ParallelBlock(nn.Module):
    """FAN's residual block: three 3x3 convolutions in a row whose outputs stand side by side.

    Their widths are 1/2, 1/4 and 1/4 of ``outputs``, which 4 must divide.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half, quarter = outputs // 2, outputs // 4
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), _conv3(inputs, half)
        self.bn2, self.conv2 = nn.BatchNorm2d(half), _conv3(half, quarter)
        self.bn3, self.conv3 = nn.BatchNorm2d(quarter), _conv3(quarter, quarter)
        self.downsample = None
        if inputs != outputs:
            self.downsample = nn.Sequential(
                nn.BatchNorm2d(inputs), nn.ReLU(inplace=True), nn.Conv2d(inputs, outputs, 1, bias=False)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, outputs, H, W] for x [N, inputs, H, W]."""
        first = self.conv1(F.relu(self.bn1(x), inplace=True))
        second = self.conv2(F.relu(self.bn2(first), inplace=True))
        third = self.conv3(F.relu(self.bn3(second), inplace=True))
        shortcut = x if self.downsample is None else self.downsample(x)
        return torch.cat([first, second, third], dim=1) + shortcut


class Hourglass(nn.Module):
    """Blocks down depth halvings and up again, with a block on the bridge at every size.

    Height and width must be multiples of 2 to the power of ``depth``.
    """

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.depth = depth
        for level in range(depth, 0, -1):
            for name in (f"b1_{level}", f"b2_{level}", f"b3_{level}"):
                self.add_module(name, ParallelBlock(width, width))
        self.b2_plus_1 = ParallelBlock(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, width, H, W] for x of the same shape."""
        return self._descend(x, self.depth)

    def _descend(self, x: Tensor, level: int) -> Tensor:
        bridge = self.get_submodule(f"b1_{level}")(x)
        low = self.get_submodule(f"b2_{level}")(F.avg_pool2d(x, 2))
        low = self._descend(low, level - 1) if level > 1 else self.b2_plus_1(low)
        low = self.get_submodule(f"b3_{level}")(low)
        return bridge + F.interpolate(low, scale_factor=2, mode="nearest")


class StackedHourglass(nn.Module):
    """68 heat maps from a portrait, refined by each of several hourglasses.

    Parameters
    ----------
    stacks : int
        Number of hourglasses; every one's heat maps are supervised in training.
    width : int
        Channels of the hourglasses (256 in the published network), a multiple of 16.
    depth : int
        Halvings inside an hourglass.
    stride : {2, 4}
        Of the heat maps on the image; 4 in the published network.
    landmarks : int
        Number of heat maps.
    """

    def __init__(
        self,
        *,
        stacks: int = 4,
        width: int = 256,
        depth: int = 4,
        stride: int = 4,
        landmarks: int = LANDMARKS,
    ) -> None:
        super().__init__()
        if stride not in (2, 4):
            raise ValueError(f"stride is 2 or 4, not {stride}")
        self._config = {
            "stacks": stacks,
            "width": width,
            "depth": depth,
            "stride": stride,
            "landmarks": landmarks,
        }
        self.stacks, self.pools = stacks, stride == 4
        self.conv1 = nn.Conv2d(3, width // 4, 7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(width // 4)
        self.conv2 = ParallelBlock(width // 4, width // 2)
        self.conv3 = ParallelBlock(width // 2, width // 2)
        self.conv4 = ParallelBlock(width // 2, width)
        for index in range(stacks):
            self.add_module(f"m{index}", Hourglass(depth, width))
            self.add_module(f"top_m_{index}", ParallelBlock(width, width))
            self.add_module(f"conv_last{index}", nn.Conv2d(width, width, 1))
            self.add_module(f"bn_end{index}", nn.BatchNorm2d(width))
            self.add_module(f"l{index}", nn.Conv2d(width, landmarks, 1))
            if index < stacks - 1:
                self.add_module(f"bl{index}", nn.Conv2d(width, width, 1))
                self.add_module(f"al{index}", nn.Conv2d(landmarks, width, 1))

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON: ``StackedHourglass(**config)`` rebuilds it."""
        return dict(self._config)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Draw the heat maps.

        Parameters
        ----------
        images : Tensor [N, 3, H, W]
            H and W are multiples of stride * 2 ** depth.

        Returns
        -------
        list of Tensor [N, landmarks, H / stride, W / stride]
            One per stack; the last is the answer, see :func:`decode`.
        """
        x = F.relu(self.bn1(self.conv1(images)), inplace=True)
        x = self.conv2(x)
        x = self.conv4(self.conv3(F.avg_pool2d(x, 2) if self.pools else x))
        drawn = []
        for index in range(self.stacks):
            refined = self._part("top_m_", index)(self._part("m", index)(x))
            refined = self._part("bn_end", index)(self._part("conv_last", index)(refined))
            refined = F.relu(refined, inplace=True)
            drawn.append(self._part("l", index)(refined))
            if index < self.stacks - 1:
                x = x + self._part("bl", index)(refined) + self._part("al", index)(drawn[-1])
        return drawn

    def _part(self, name: str, index: int) -> nn.Module:
        return self.get_submodule(f"{name}{index}")


def _conv3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
