"""The losses between images: one function an equation, a value ``[N]`` per sample each.

Paper and authors' code read the equations differently. ``reading`` says which is meant:

==========  =====================================  ===========================================
equation    ``"features"``, the authors' code      ``"inputs"``, the paper
==========  =====================================  ===========================================
2, 3        mask on the feature differences of     mask on the images, mean over the frame,
            whole images, mean inside the mask;    mean over blocks
            sum over blocks
4           mask on image and features; mean of    mask on the features; squared L2 norm
            squared differences
6           mask on image and features; mean of    mask on the image; squared L2 norm
            squared differences
==========  =====================================  ===========================================

Equation 5 leaves the scale of a Gram matrix open; both readings divide it by ``C H W`` as the authors'
code does. No factor of equation 8 is part of any value here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.networks.lpips import Lpips
from loho_bench.networks.pixels import pixels, self_product, weighted_sums

Reading = Literal["features", "inputs"]


def identity_loss(
    lpips: Lpips,
    generated: Sequence[Tensor],
    identity: Sequence[Tensor],
    mask: Tensor,
    blocks: Sequence[int],
    reading: Reading,
) -> Tensor:
    """Equation 2: the face of ``I1``, away from where the hair will be::

        L_f = 1/5 Σ_b LPIPS[VGG^b(I1 ⊙ m), VGG^b(I_G ⊙ m)],   m = M1^f ∩ (1 - M2^{h,d}),   b = 1..5

    Parameters
    ----------
    lpips : Lpips
        The metric with its heads.
    generated, identity : sequence of Tensor
        Five unit-normalised maps ``[N,C,h,w]`` of ``I_G`` and ``I1``; of the masked images under
        ``"inputs"``.
    mask : Tensor
        ``m`` ``[N,1,H,W]``; a sample whose mask is empty counts 0.
    blocks : sequence of int
        Blocks ``b`` to compare.
    reading : {"features", "inputs"}
        See the module's table.
    """
    return _perceptual(lpips, generated, identity, mask, blocks, reading)


def structure_loss(
    lpips: Lpips,
    generated: Sequence[Tensor],
    structure: Sequence[Tensor],
    mask: Tensor,
    blocks: Sequence[int],
    reading: Reading,
) -> Tensor:
    """Equation 3: shape and perceptual structure of the hair of ``I2``, well inside of it::

        L_r = 1/2 Σ_b LPIPS[VGG^b(I2 ⊙ M2^{h,e}), VGG^b(I_G ⊙ M2^{h,e})],   b = 4, 5

    Parameters are those of :func:`identity_loss`.
    """
    return _perceptual(lpips, generated, structure, mask, blocks, reading)


def _perceptual(
    lpips: Lpips,
    generated: Sequence[Tensor],
    target: Sequence[Tensor],
    mask: Tensor,
    blocks: Sequence[int],
    reading: Reading,
) -> Tensor:
    if reading == "features":
        return lpips.distance(generated, target, mask=mask, blocks=blocks)
    return lpips.distance(generated, target, blocks=blocks) / len(blocks)


def mean_appearance(features: Tensor, mask: Tensor | None) -> Tensor:
    """``A(x, y) = Σ φ(x) ⊙ y / |y|``: the mean relu1_1 feature of the hair.

    Parameters
    ----------
    features : Tensor
        ``φ(x)`` ``[N,C,h,w]``.
    mask : Tensor or None
        ``y`` ``[N,1,H,W]``, brought to ``h x w`` by nearest neighbour; None is the whole frame.

    Returns
    -------
    Tensor
        ``[N,C]``; zeros for an empty mask.
    """
    if mask is None:
        return features.mean(dim=(2, 3))
    mask = _nearest(mask, features)
    return weighted_sums(mask.flatten(2), pixels(features))[:, 0] / (mask.sum(dim=(2, 3)) + 1e-8)


def appearance_loss(generated: Tensor, target: Tensor, reading: Reading) -> Tensor:
    """Equation 4: the colour of the hair, wherever it lies::

        L_a = ‖A(I3, M3^h) - A(I_G, M_G^h)‖²

    ``generated`` and ``target`` are :func:`mean_appearance` vectors ``[N,C]``.
    """
    return _reduced_square(generated - target, reading)


def gram_matrix(features: Tensor, mask: Tensor | None) -> Tensor:
    """Equation 5: ``G^l(γ^l) = γ^lᵀ γ^l``, divided by ``C h w``.

    Parameters
    ----------
    features : Tensor
        ``γ^l`` ``[N,C,h,w]``.
    mask : Tensor or None
        ``[N,1,H,W]`` to multiply the features with, brought to ``h x w`` by nearest neighbour.

    Returns
    -------
    Tensor
        ``[N,C,C]``.
    """
    count = features[0].numel()
    if mask is not None:
        features = features * _nearest(mask, features)
    return self_product(pixels(features)) / count


def style_loss(generated: Sequence[Tensor], target: Sequence[Tensor], reading: Reading) -> Tensor:
    """Equation 6: the texture of the hair as the mean over four layers::

        L_s = 1/4 Σ_l ‖G^l(VGG^l(I3 ⊙ M3^h)) - G^l(VGG^l(I_G ⊙ M_G^h))‖²

    ``generated`` and ``target`` are the :func:`gram_matrix` ``[N,C,C]`` of relu1_2, relu2_2, relu3_3
    and relu4_3.
    """
    layers = [_reduced_square(g - t, reading) for g, t in zip(generated, target, strict=True)]
    return torch.stack(layers).mean(0)


def _reduced_square(difference: Tensor, reading: Reading) -> Tensor:
    squares = difference.square().flatten(1)
    return squares.mean(1) if reading == "features" else squares.sum(1)


def _nearest(mask: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(mask, size=like.shape[2:], mode="nearest")
