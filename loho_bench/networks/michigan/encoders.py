"""The two encoders of MichiGAN's generator: how the reference hair looks, and what lies behind the hair."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.michigan.spade import SLOPE


class PartialConvolution(nn.Conv2d):
    """A 3x3 convolution of stride 2 that sees what a mask covers (Liu et al., ECCV 2018).

    Sums are scaled up by the share of the window that is covered; a window without any gives 0.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, stride=2, padding=1)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return features [N, outputs, h, w] and their mask [N, 1, h, w] for x [N, inputs, H, W].

        ``mask`` [N, 1, H, W] is 0 or 1; the new one is 1 where a window covers any of it.
        """
        share = F.avg_pool2d(mask, 3, stride=2, padding=1)
        seen = (share > 0).to(mask.dtype)
        total = F.conv2d(x * mask, self.weight, stride=2, padding=1)
        # The smallest share is a ninth, so the bound acts where nothing is seen only.
        return (total / share.clamp_min(0.05) + self.bias[:, None, None]) * seen, seen


class AppearanceEncoder(nn.Module):
    """Describes the reference hair by one vector and spreads it over the target's hair.

    Parameters
    ----------
    widths : sequence of int
        Channels after each halving.
    normalized : bool
        Instance normalization after each convolution; the authors' code has it both ways. With it, an even
        colour shows in the signs of the features alone: they have zeros around them and lose their scale.
    """

    def __init__(self, widths: Sequence[int], *, normalized: bool = True) -> None:
        super().__init__()
        self.depth = len(widths)
        self.normalized = normalized
        for index, (inputs, outputs) in enumerate(zip((3, *widths), widths, strict=False), start=1):
            self.add_module(f"layer{index}", PartialConvolution(inputs, outputs))

    def forward(self, image: Tensor, hair: Tensor, target_hair: Tensor, side: int) -> Tensor:
        """Encode.

        Parameters
        ----------
        image : Tensor [N, 3, S, S] in [-1, 1]
        hair : Tensor [N, 1, S, S] in {0, 1}
            Of the reference image.
        target_hair : Tensor [N, 1, S, S] in {0, 1}
        side : int
            Of the result.

        Returns
        -------
        Tensor [N, C, side, side]
            The mean feature of the reference hair inside the target's hair, 0 outside.
        """
        x, mask = image, hair
        for index in range(1, self.depth + 1):
            x, mask = self.get_submodule(f"layer{index}")(x, mask)
            x = F.leaky_relu(F.instance_norm(x) if self.normalized else x, SLOPE)
        reference, target = (F.interpolate(m, size=x.shape[2:], mode="nearest") for m in (hair, target_hair))
        pixels = reference.sum(dim=(2, 3), keepdim=True).clamp_min(1)
        code = (x * reference).sum(dim=(2, 3), keepdim=True) / pixels * target
        if code.shape[-1] == side:
            return code
        return F.interpolate(code, size=(side, side), mode="bilinear", align_corners=False)


class ReflectedConvolution(nn.Module):
    """A reflecting border, a convolution and a ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.border = nn.ReflectionPad2d((kernel - 1) // 2)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, outputs, H / stride, W / stride] for x [N, inputs, H, W]."""
        return F.relu(self.conv(self.border(x)), inplace=True)


class BackgroundEncoder(nn.Module):
    """Features of the picture around the hair at the four last sizes of the generator.

    Parameters
    ----------
    widths : sequence of 4 int
        Channels from the smallest to the full size.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        coarsest, coarse, fine, finest = widths
        self.conv1 = ReflectedConvolution(3, finest, 7, 1)
        self.layer1 = ReflectedConvolution(finest, fine, 4, 2)
        self.layer2 = ReflectedConvolution(fine, coarse, 4, 2)
        self.layer3 = ReflectedConvolution(coarse, coarsest, 4, 2)

    def forward(self, image: Tensor, background: Tensor, noise: Tensor) -> list[Tensor]:
        """Encode.

        Parameters
        ----------
        image, noise : Tensor [N, 3, S, S]
            The noise stands in for what the background mask leaves out.
        background : Tensor [N, 1, S, S] in {0, 1}

        Returns
        -------
        list of Tensor [N, C, S / k, S / k], k = 8, 4, 2, 1
        """
        full = self.conv1(torch.where(background > 0, image, noise))
        half = self.layer1(full)
        quarter = self.layer2(half)
        return [self.layer3(quarter), quarter, half, full]
