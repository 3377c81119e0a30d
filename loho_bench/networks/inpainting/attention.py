"""Contextual attention (Yu et al., Generative Image Inpainting with Contextual Attention, CVPR 2018).

Every place of a feature map is painted anew with patches of those places that no hole touches, weighted by
how much they look alike (section 4). There are no weights to learn.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_MATCHED = 3  # cells of the halved map: side of the patches that are compared
_PASTED = 4  # cells of the whole map: side of the patches that are pasted, every second cell
_SHARPNESS = 10.0  # factor on similarities before the softmax
_SMALLEST_NORM = 1e-4


def contextual_attention(features: Tensor, hole: Tensor, *, fuse: bool) -> Tensor:
    """Paint a feature map with its own patches from outside the hole.

    Parameters
    ----------
    features : Tensor [N, C, H, W]
        ``H`` and ``W`` are even.
    hole : Tensor [N, 1, H k, W k]
        1 where nothing is known, else 0, of a resolution ``k`` times as high. Each sample is attended to with
        its own; the authors' code takes the first one's for a whole batch.
    fuse : bool
        Whether matches count more where neighbours match neighbours.

    Returns
    -------
    Tensor [N, C, H, W]
        0 everywhere in a sample without one patch that the hole leaves whole.
    """
    height, width = features.shape[2] // 2, features.shape[3] // 2
    patches = F.unfold(thin_out(features, height, width), _MATCHED, padding=_MATCHED // 2)
    keys = patches / patches.norm(dim=1, keepdim=True).clamp(min=_SMALLEST_NORM)
    similarity = keys.transpose(1, 2) @ patches  # [N, known place, painted place]
    if fuse:
        similarity = _fuse(similarity, height, width)
    touched = F.unfold(thin_out(hole, height, width), _MATCHED, padding=_MATCHED // 2).amax(dim=1)
    usable = (touched == 0).to(similarity.dtype)[:, :, None]
    # Unusable places enter the softmax with a similarity of 0 and give nothing: as published.
    weights = (_SHARPNESS * usable * similarity).softmax(dim=1) * usable
    values = F.unfold(features, _PASTED, padding=1, stride=2)
    # Four pasted patches overlap in every cell.
    return F.fold(values @ weights, features.shape[2:], _PASTED, padding=1, stride=2) / 4


def thin_out(maps: Tensor, height: int, width: int) -> Tensor:
    """Keep ``height`` rows and ``width`` columns of [N, C, H, W], the outermost among them.

    So does TensorFlow's nearest-neighbour resizing with aligned corners, which the published code uses.
    """
    rows, columns = (
        torch.linspace(0, old - 1, new, device=maps.device).add(0.5).floor().long()
        for old, new in ((maps.shape[2], height), (maps.shape[3], width))
    )
    return maps[:, :, rows][..., columns]


def _fuse(similarity: Tensor, height: int, width: int) -> Tensor:
    """Add to every match those of the neighbours on either side, along rows and then along columns."""
    along_rows = _add_diagonal_neighbours(similarity)
    turned = along_rows.unflatten(2, (height, width)).unflatten(1, (height, width)).permute(0, 2, 1, 4, 3)
    along_columns = _add_diagonal_neighbours(turned.flatten(3).flatten(1, 2))
    back = along_columns.unflatten(2, (width, height)).unflatten(1, (width, height)).permute(0, 2, 1, 4, 3)
    return back.flatten(3).flatten(1, 2)


def _add_diagonal_neighbours(matches: Tensor) -> Tensor:
    padded = F.pad(matches, (1, 1, 1, 1))
    return padded[:, :-2, :-2] + matches + padded[:, 2:, 2:]
