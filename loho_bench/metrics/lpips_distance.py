"""Learned perceptual distance between images, as a score (the LOHO losses mask the same quantity)."""

from __future__ import annotations

import torch
from torch import Tensor

from loho_bench.networks.lpips import Lpips


@torch.no_grad()
def lpips_distance(lpips: Lpips, first: Tensor, second: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the LPIPS distance of every pair, ``[N]``, at least 0, summed over the five VGG blocks.

    Parameters
    ----------
    lpips : Lpips
    first, second : float32 [N, 3, H, W]
        RGB in [-1, 1].
    mask : float32 [N, 1, H, W] in [0, 1], optional
        Region to average over; without it the whole frame. An empty mask gives 0.

    Notes
    -----
    Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric" (2018), eq. 1. The
    heads that weigh the channels are those of the given network: a distance of the embedded network cannot be
    compared with one of the published VGG16.
    """
    return lpips.distance(lpips.features(first), lpips.features(second), mask)
