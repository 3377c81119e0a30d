"""Background and blending: the last step of LOHO, and of any method that makes a foreground.

The paper (section 3.4) removes hair and face of ``I1``, fills the hole with a gated-convolution network and
blends the synthesized foreground softly onto it.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.annotation.masks import REFERENCE_SIZE, dilate, scaled_pixels
from loho_bench.methods.seams import paste_without_step
from loho_bench.networks.inpainting import GatedInpainter

_REMOVAL_MARGIN = 12  # pixels at the reference size: a wisp left beside the hole would be smeared into it
_INPAINTING_RADIUS = 5  # pixels around a hole that Telea's method looks at
_NETWORK_GRID = 8  # the network halves its input three times
_FEATHER = 1.5  # standard deviation, pixels at the reference size


class Inpainter(Protocol):
    """Completes pictures."""

    name: str

    def fill(self, images: Tensor, holes: Tensor) -> Tensor:
        """Return ``images`` ``[N,3,S,S]`` in [-1,1] with new pixels where ``holes`` ``[N,1,S,S]`` is 1.

        The others stay as they are. What a sample becomes does not depend on its batch.
        """
        ...


class GatedInpaint:
    """Completes pictures with a network of gated convolutions, whose pixels are laid in without a step.

    Pictures larger than those that the network was made for are completed at its size, and what it gives is
    enlarged: seen in more detail, a hole would be wider than the network can look.

    Parameters
    ----------
    network : GatedInpainter
        In evaluation mode, on any device.
    weights : str
        Where its weights come from; a part of ``name``.
    """

    def __init__(self, network: GatedInpainter, weights: str) -> None:
        self.network = network
        self.name = f"gated convolution ({weights})"

    @torch.no_grad()
    def fill(self, images: Tensor, holes: Tensor) -> Tensor:
        """Return ``images`` with the network's pixels in ``holes``."""
        size, device = images.shape[-1], self.network.conv1.conv.weight.device
        side = min(self.network.size, -(-size // _NETWORK_GRID) * _NETWORK_GRID)
        small_holes = F.adaptive_max_pool2d(holes, side).to(device)
        small = F.adaptive_avg_pool2d(images, side).to(device)
        # One by one: kernels add up one sample in another order than each of several.
        pairs = zip(small.split(1), small_holes.split(1), strict=True)
        refined = torch.cat([self.network(image, hole)[1] for image, hole in pairs])
        filled = paste_without_step(refined, small, small_holes).clamp(-1, 1)
        filled = F.interpolate(filled, size=(size, size), mode="bilinear", align_corners=False)
        return torch.where(holes > 0, filled.to(images.device), images)


class Telea:
    """The classical fallback, for want of a network: Telea's fast marching (2004), as OpenCV has it.

    Pictures pass through 8 bits, and one that is nothing but a hole comes out grey.
    """

    name = "Telea (classical fallback)"

    def fill(self, images: Tensor, holes: Tensor) -> Tensor:
        """Return ``images`` with the colours of the holes' borders carried into ``holes``."""
        pixels = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
        filled = [
            _march(image.numpy(), hole[0].numpy().astype(np.uint8))
            for image, hole in zip(pixels.cpu(), holes.cpu(), strict=True)
        ]
        found = torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2).to(images.device)
        return torch.where(holes > 0, found.float() / 127.5 - 1, images)


def _march(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    if hole.all():
        return np.full_like(image, 128)
    return cv2.inpaint(np.ascontiguousarray(image), hole, _INPAINTING_RADIUS, cv2.INPAINT_TELEA)


def removal_hole(foreground: Tensor) -> Tensor:
    """Return what has to go with a foreground ``[N,1,S,S]``, any value but 0: it and a margin; 0 or 1."""
    return dilate(foreground, scaled_pixels(_REMOVAL_MARGIN, foreground.shape[-1]))


def inpaint_background(identity: Tensor, foreground: Tensor, inpainter: Inpainter) -> Tensor:
    """Remove the foreground of ``I1`` and continue the background into the hole.

    Parameters
    ----------
    identity : Tensor
        ``I1`` ``[N,3,S,S]`` in [-1,1].
    foreground : Tensor
        Hair or face of ``I1`` ``[N,1,S,S]``; any value but 0 counts, and a margin is added.
    inpainter : Inpainter

    Returns
    -------
    Tensor
        ``[N,3,S,S]`` in [-1,1] on the device of ``identity``.
    """
    return inpainter.fill(identity, removal_hole(foreground))


def soft_mask(foreground: Tensor, size: int) -> Tensor:
    """Feather a binary foreground ``[N,1,s,s]`` into ``[N,1,size,size]`` with values in [0,1]."""
    if foreground.shape[-1] != size:
        foreground = F.interpolate(foreground, size=(size, size), mode="bilinear", align_corners=False)
    deviation = _FEATHER * size / REFERENCE_SIZE
    radius = max(1, round(3 * deviation))
    taps = torch.arange(-radius, radius + 1, device=foreground.device, dtype=foreground.dtype)
    kernel = torch.exp(-0.5 * (taps / deviation) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    # Replication keeps hair that leaves the frame opaque up to its border.
    padded = F.pad(foreground, (radius, radius, radius, radius), mode="replicate")
    blurred = F.conv2d(F.conv2d(padded, kernel), kernel.transpose(2, 3))
    return blurred.clamp(0, 1)


def blend(foreground: Tensor, background: Tensor, mask: Tensor) -> Tensor:
    """Lay ``foreground`` over ``background``, both ``[N,3,S,S]``, where ``mask`` ``[N,1,S,S]`` is 1."""
    return mask * foreground + (1 - mask) * background
