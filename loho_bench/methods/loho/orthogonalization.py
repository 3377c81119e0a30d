"""Gradient orthogonalization (section 3.3 of the paper)."""

from __future__ import annotations

from torch import Tensor

_SMALLEST_NORM = 1e-12


def orthogonalize(structure: Tensor, hair: Tensor) -> Tensor:
    """Take out of the structure gradient what runs along the appearance and style gradient.

    For every W+ vector of every sample by itself::

        g_R - (g_Rᵀ g_AS / ‖g_AS‖²) g_AS

    Parameters
    ----------
    structure : Tensor
        ``g_R`` ``[N,L,D]``, the gradient of the structure loss.
    hair : Tensor
        ``g_AS`` ``[N,L,D]``, the gradient of appearance and style between ``I2`` and ``I_G``.

    Returns
    -------
    Tensor
        ``[N,L,D]``; where ``g_AS`` vanishes, ``g_R`` comes back unchanged.
    """
    direction = hair / hair.norm(dim=-1, keepdim=True).clamp(min=_SMALLEST_NORM)
    along = (structure * direction).sum(-1, keepdim=True)
    return structure - along * direction
