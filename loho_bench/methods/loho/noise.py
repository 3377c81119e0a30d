"""The noise maps: their regularization (equation 7) and their normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_COARSEST = 8


def noise_loss(noise: Sequence[Tensor]) -> Tensor:
    """Equation 7: squared autocorrelation at shift 1, along both axes, at every scale::

        L_n = Σ_ij [1/r_ij² Σ_xy n_ij(x,y) n_ij(x-1,y)]² + Σ_ij [1/r_ij² Σ_xy n_ij(x,y) n_ij(x,y-1)]²

    ``n_i0`` is a map, ``n_ij`` the same after ``j`` averages over 2x2 pixels, down to 8x8. Shifts wrap
    around. Maps of 4x4 have their one scale, which the authors' code counts as well.

    Parameters
    ----------
    noise : sequence of Tensor
        Maps ``[N,1,r,r]``.

    Returns
    -------
    Tensor
        ``[N]``, a value for every sample alone.
    """
    return torch.stack([_map_loss(level) for level in noise]).sum(0)


def _map_loss(level: Tensor) -> Tensor:
    total = torch.zeros_like(level[:, 0, 0, 0])
    while True:
        for axis in (2, 3):
            correlation = (level * level.roll(1, dims=axis)).mean(dim=(1, 2, 3))
            total = total + correlation.square()
        if level.shape[-1] <= _COARSEST:
            return total
        level = F.avg_pool2d(level, 2)


@torch.no_grad()
def normalize_noise_(noise: Sequence[Tensor]) -> None:
    """Bring every map ``[N,1,r,r]`` of every sample to mean 0 and unbiased variance 1, in place."""
    for level in noise:
        deviation, mean = torch.std_mean(level, dim=(1, 2, 3), keepdim=True)
        level.sub_(mean).div_(deviation)
