"""Orientations as MichiGAN's networks see them: encoded as RGB, continued into holes, and as two channels.

The direction of a strand has no sign, so angles run over [0, pi) and enter as sine and cosine of the double.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.networks.michigan.inpainter import OrientationInpainter


def angles_to_rgb(angles: Tensor, hair: Tensor) -> Tensor:
    """Encode angles as colours.

    Parameters
    ----------
    angles : Tensor [N, 1, S, S]
        Radians.
    hair : Tensor [N, 1, S, S] in {0, 1}

    Returns
    -------
    Tensor [N, 3, S, S] in [0, 1]
        Red ``(cos 2a + 1) / 2``, green ``(sin 2a + 1) / 2``, blue one half; 0 outside the hair.
    """
    red, green = (torch.cos(2 * angles) + 1) / 2, (torch.sin(2 * angles) + 1) / 2
    return torch.cat([red, green, torch.full_like(red, 0.5)], dim=1) * hair


def rgb_to_channels(rgb: Tensor, hair: Tensor) -> Tensor:
    """Return sine and cosine of the double angles, [N, 2, S, S] in [-1, 1], 0 outside the hair.

    Parameters
    ----------
    rgb : Tensor [N, 3, S, S] in [0, 1]
    hair : Tensor [N, 1, S, S] in {0, 1}
    """
    return (2 * rgb[:, [1, 0]] - 1) * hair


def fill_orientation(inpainter: OrientationInpainter, rgb: Tensor, hole: Tensor, noise: Tensor) -> Tensor:
    """Continue an encoded orientation map into a hole; outside, it stays as it is.

    Parameters
    ----------
    inpainter : OrientationInpainter
        With 4 input channels.
    rgb : Tensor [N, 3, S, S] in [0, 1]
        The donor's map.
    hole : Tensor [N, 1, S, S] in {0, 1}
        Hair that the donor does not cover.
    noise : Tensor [N, 3, S, S]
        Put into the hole, see :func:`octave_noise`.

    Returns
    -------
    Tensor [N, 3, S, S]
        In [0, 1]. The network works at its own size; maps are resized to the nearest pixel.
    """
    inputs = torch.cat([torch.where(hole > 0, noise, rgb), hole], dim=1)
    answer = inpainter(F.interpolate(inputs, size=(inpainter.size,) * 2, mode="nearest"))
    answer = F.interpolate(answer, size=rgb.shape[2:], mode="nearest")
    return torch.where(hole > 0, answer.to(rgb.dtype), rgb)
