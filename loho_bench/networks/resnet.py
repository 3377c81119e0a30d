"""A small residual network (He et al., 2016) from a portrait to one feature vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class ResNet(nn.Module):
    """Basic blocks in stages of half the size each, after a stem of two convolutions.

    Parameters
    ----------
    widths : sequence of int
        Channels of the stages; the stem has those of the first.
    depths : sequence of int
        Blocks of the stages.
    dimension : int
        Length of the feature vector.
    """

    def __init__(
        self,
        widths: Sequence[int] = (32, 64, 128, 256),
        depths: Sequence[int] = (2, 3, 4, 1),
        dimension: int = 128,
    ) -> None:
        super().__init__()
        self._config = {"widths": list(widths), "depths": list(depths), "dimension": dimension}
        self.stem = nn.Sequential(
            *_convolution(3, widths[0], size=5, stride=2), nn.ReLU(), *_convolution(widths[0], widths[0])
        )
        stages, channels = [], widths[0]
        for width, depth in zip(widths, depths, strict=True):
            blocks = [_Block(channels if i == 0 else width, width, 2 if i == 0 else 1) for i in range(depth)]
            stages.append(nn.Sequential(*blocks))
            channels = width
        self.stages = nn.ModuleList(stages)
        self.embedding = nn.Sequential(*_convolution(channels, dimension, size=1), nn.ReLU())

    def config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this network."""
        return self._config

    def levels(self, x: Tensor) -> list[Tensor]:
        """Return the maps after the stages, [N, width, H / 2^(2 + stage), ...], for images [N, 3, H, W]."""
        x = F.relu(self.stem(x))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def embed(self, last: Tensor) -> Tensor:
        """Return feature vectors [N, dimension], not negative, for maps after the last stage."""
        return self.embedding(last).float().mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Return feature vectors float32 [N, dimension], not negative.

        Parameters
        ----------
        x : Tensor [N, 3, H, W] float32
            Images in [-1, 1].
        """
        return self.embed(self.levels(x)[-1])


class _Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(inputs, outputs, stride=stride), nn.ReLU(), *_convolution(outputs, outputs)
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(*_convolution(inputs, outputs, size=1, stride=stride))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def _convolution(inputs: int, outputs: int, *, size: int = 3, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight)
    return [convolution, nn.BatchNorm2d(outputs)]
