"""No step where new pixels meet old ones: what they differ by around a hole is spread over it.

The idea is that of Poisson image editing (Pérez, Gangnet and Blake, 2003); the way to spread is the pyramid
of pull-push (Gortler and others, 1996): averages of what is known, coarser and coarser, and back.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.annotation.masks import dilate


def paste_without_step(drawn: Tensor, images: Tensor, holes: Tensor) -> Tensor:
    """Lay ``drawn`` into the holes of ``images``, shifted smoothly so that both agree around the holes.

    Parameters
    ----------
    drawn, images : Tensor [N, C, S, S]
        ``drawn`` shows something sensible on the pixels beside a hole too.
    holes : Tensor [N, 1, S, S], 0 or 1

    Returns
    -------
    Tensor [N, C, S, S]
        ``images`` outside the holes. Where there is nothing but a hole, ``drawn`` as it is.
    """
    ring = dilate(holes, 1) - holes
    return torch.where(holes > 0, drawn + spread(images - drawn, ring), images)


def spread(values: Tensor, known: Tensor) -> Tensor:
    """Continue ``values`` [N, C, S, S] from where ``known`` [N, 1, S, S] is 1; 0 where nothing is."""
    side = values.shape[-1]
    if side == 1:
        return values * known
    half = (side + 1) // 2
    share = F.adaptive_avg_pool2d(known, half)
    mean = F.adaptive_avg_pool2d(values * known, half) / share.clamp(min=1e-6)
    coarse = spread(mean, (share > 0).to(known.dtype))
    smooth = F.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=False)
    return torch.where(known > 0, values, smooth)
