"""Background and blending: the last step of LOHO, and of any method that makes a foreground.

The paper removes hair and face of ``I1``, fills the hole with a gated-convolution network and blends the
synthesized foreground softly onto it. Here the filling is classical: Telea's fast marching.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.annotation.masks import REFERENCE_SIZE, dilate, scaled_pixels

_REMOVAL_MARGIN = 12  # pixels at the reference size: a wisp left beside the hole would be smeared into it
_INPAINTING_RADIUS = 5  # pixels around a hole that Telea's method looks at
_FEATHER = 1.5  # standard deviation, pixels at the reference size


def inpaint_background(identity: Tensor, foreground: Tensor) -> Tensor:
    """Remove the foreground of ``I1`` and continue the background into the hole.

    Parameters
    ----------
    identity : Tensor
        ``I1`` ``[N,3,S,S]`` in [-1,1]; it passes through 8 bits.
    foreground : Tensor
        Hair or face of ``I1`` ``[N,1,S,S]``; any value but 0 counts, and a margin is added.

    Returns
    -------
    Tensor
        ``[N,3,S,S]`` in [-1,1] on the device of ``identity``. A sample without any background comes
        out grey.
    """
    holes = dilate(foreground, scaled_pixels(_REMOVAL_MARGIN, identity.shape[-1]))
    pixels = ((identity.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    filled = [
        _inpaint_one(image.permute(1, 2, 0).numpy(), hole[0].numpy().astype(np.uint8))
        for image, hole in zip(pixels.cpu(), holes.cpu(), strict=True)
    ]
    background = torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2)
    return background.to(identity.device).float() / 127.5 - 1


def _inpaint_one(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    if hole.all():
        return np.full_like(image, 128)
    return cv2.inpaint(np.ascontiguousarray(image), hole, _INPAINTING_RADIUS, cv2.INPAINT_TELEA)


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
