"""The two stages: a coarse completion, and its refinement by two branches, one of which attends to the known.

Module names are those of the published network, so its tensors fit a network of the published width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.inpainting.attention import contextual_attention
from loho_bench.networks.inpainting.layers import GatedConvolution, GatedUpsampling, SameConvolution


@dataclass(frozen=True)
class _Layer:
    """One layer: ``quarters`` of the network's width are its outputs."""

    name: str
    quarters: int
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    up: bool = False
    rectified: bool = False

    def build(self, inputs: int, outputs: int) -> nn.Module:
        if self.up:
            return GatedUpsampling(inputs, outputs)
        activation = F.relu if self.rectified else F.elu
        return GatedConvolution(inputs, outputs, self.kernel, self.stride, self.dilation, activation)


def _dilated(prefix: str) -> tuple[_Layer, ...]:
    """Four layers, each seeing twice as far as the one before, to look across a hole."""
    return tuple(_Layer(f"{prefix}conv{7 + k}_atrous", 8, dilation=2 << k) for k in range(4))


def _upward(prefix: str) -> tuple[_Layer, ...]:
    return (
        _Layer(f"{prefix}conv11", 8),
        _Layer(f"{prefix}conv12", 8),
        _Layer(f"{prefix}conv13_upsample", 4, up=True),
        _Layer(f"{prefix}conv14", 4),
        _Layer(f"{prefix}conv15_upsample", 2, up=True),
        _Layer(f"{prefix}conv16", 1),
    )


_COARSE = (
    _Layer("conv1", 2, kernel=5),
    _Layer("conv2_downsample", 4, stride=2),
    _Layer("conv3", 4),
    _Layer("conv4_downsample", 8, stride=2),
    _Layer("conv5", 8),
    _Layer("conv6", 8),
    *_dilated(""),
    *_upward(""),
)
_IMAGINING = (
    _Layer("xconv1", 2, kernel=5),
    _Layer("xconv2_downsample", 2, stride=2),
    _Layer("xconv3", 4),
    _Layer("xconv4_downsample", 4, stride=2),
    _Layer("xconv5", 8),
    _Layer("xconv6", 8),
    *_dilated("x"),
)
_BEFORE_ATTENTION = (
    _Layer("pmconv1", 2, kernel=5),
    _Layer("pmconv2_downsample", 2, stride=2),
    _Layer("pmconv3", 4),
    _Layer("pmconv4_downsample", 8, stride=2),
    _Layer("pmconv5", 8),
    _Layer("pmconv6", 8, rectified=True),
)
_AFTER_ATTENTION = (_Layer("pmconv9", 8), _Layer("pmconv10", 8))
_MERGED = _upward("all")


class GatedInpainter(nn.Module):
    """DeepFill v2: gated convolutions throughout, coarse to fine, with contextual attention.

    Parameters
    ----------
    width : int
        Features at the first halving, a multiple of 4. 48 is published (4.1 million parameters).
    size : int
        Side in pixels of the images that the network was made for, a multiple of 8; it takes others.
    fuse : bool
        Whether the attention favours matches whose neighbours match too, as the authors' code does.
    """

    def __init__(self, width: int = 48, size: int = 256, fuse: bool = True) -> None:
        super().__init__()
        self.width, self.size, self.fuse = width, size, fuse
        self._add(_COARSE, inputs=5)
        self.conv17 = SameConvolution(width // 4, 3)
        self._add(_IMAGINING, inputs=3)
        self._add(_BEFORE_ATTENTION, inputs=3)
        self._add(_AFTER_ATTENTION, inputs=2 * width)
        self._add(_MERGED, inputs=4 * width)
        self.allconv17 = SameConvolution(width // 4, 3)

    def forward(self, images: Tensor, holes: Tensor) -> tuple[Tensor, Tensor]:
        """Complete images.

        Parameters
        ----------
        images : Tensor [N, 3, H, W] in [-1, 1]
            What they show inside the hole does not matter. ``H`` and ``W`` are multiples of 8.
        holes : Tensor [N, 1, H, W]
            1 where the image is to be completed, else 0.

        Returns
        -------
        (Tensor, Tensor), each [N, 3, H, W] in [-1, 1]
            The coarse and the refined picture. Only their holes mean anything.
        """
        known = images * (1 - holes)
        ones = torch.ones_like(holes)
        # The channel of ones tells the frame from the padding around it (and takes a sketch, in the paper).
        coarse = self.conv17(self._run(_COARSE, torch.cat([known, ones, holes], dim=1))).tanh()
        pasted = coarse * holes + known
        imagined = self._run(_IMAGINING, pasted)
        attended = contextual_attention(self._run(_BEFORE_ATTENTION, pasted), holes, fuse=self.fuse)
        attended = self._run(_AFTER_ATTENTION, attended)
        merged = self._run(_MERGED, torch.cat([imagined, attended], dim=1))
        return coarse, self.allconv17(merged).tanh()

    def config(self) -> dict[str, Any]:
        """Return the arguments that rebuild the network."""
        return {"width": self.width, "size": self.size, "fuse": self.fuse}

    def _add(self, layers: tuple[_Layer, ...], inputs: int) -> None:
        for layer in layers:
            outputs = layer.quarters * self.width // 4
            self.add_module(layer.name, layer.build(inputs, outputs))
            inputs = outputs

    def _run(self, layers: tuple[_Layer, ...], x: Tensor) -> Tensor:
        for layer in layers:
            x = self.get_submodule(layer.name)(x)
        return x
