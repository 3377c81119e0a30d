"""The terms of Image2StyleGAN and Image2StyleGAN++: one function a term, a value ``[N]`` per sample each.

Pixels count in levels of 8 bits, and features as those of a VGG16 that is fed such levels. Neither paper says
so, but the published factors, rates and Adam's ε of 1e-8 belong together in that unit alone: with values in
[-1, 1], λ_mse = 1e-5 over the three million values of a portrait leaves the noise maps gradients far below ε,
and a rate of 5 would not move them within thousands of steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor
from torch.nn import functional as F

from loho_bench.methods.loho.losses import gram_matrix
from loho_bench.methods.loho.targets import resize_to
from loho_bench.networks.lpips import INPUT_SCALE, Lpips, scale_input

LEVELS = 127.5
"""Levels of 8 bits in one unit of an image in [-1, 1]."""
_FEATURE_LEVELS = LEVELS * sum(INPUT_SCALE) / len(INPUT_SCALE)


def pixel_loss(generated: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """``1/N ‖M ⊙ (G(w,n) - x)‖²``, the two pixel terms of equation 1, in squared levels.

    Parameters
    ----------
    generated, target : Tensor
        ``[N,3,H,W]`` in [-1,1].
    mask : Tensor, optional
        ``M`` ``[N,1,H,W]`` in [0,1]; None is the whole frame.
    """
    difference = LEVELS * (generated - target)
    return (difference if mask is None else mask * difference).square().mean(dim=(1, 2, 3))


def describe(lpips: Lpips, image: Tensor, layers: Sequence[str], size: int) -> dict[str, Tensor]:
    """Give the feature maps ``[N,C,h,w]`` of an image ``[N,3,H,W]`` in [-1,1], at most ``size`` pixels wide.

    A network of ReLUs scales with its input but for its biases: features of levels are as much larger as the
    levels are than the deviations that torchvision's VGG16 is fed.
    """
    maps = lpips.vgg(scale_input(resize_to(image, min(size, image.shape[-1]))), layers)
    return {name: _FEATURE_LEVELS * features for name, features in maps.items()}


def perceptual_loss(
    generated: Mapping[str, Tensor],
    target: Mapping[str, Tensor],
    layers: Sequence[str],
    mask: Tensor | None = None,
) -> Tensor:
    """``Σ_j 1/N_j ‖M ⊙ (F_j(G(w,n)) - F_j(x))‖²`` over the layers ``j``.

    Parameters
    ----------
    generated, target : mapping
        Feature maps by layer, see :func:`describe`.
    layers : sequence of str
    mask : Tensor, optional
        ``M`` ``[N,1,H,W]`` in [0,1], brought to each layer's size by the mean over its area; None is all.
    """
    total = 0.0
    for layer in layers:
        difference = generated[layer] - target[layer]
        if mask is not None:
            difference = difference * _reduced(mask, difference)
        total = total + difference.square().mean(dim=(1, 2, 3))
    return total


def style_gram(features: Tensor, mask: Tensor) -> Tensor:
    """Gram matrix ``[N,C,C]`` of ``features`` ``[N,C,h,w]`` inside ``mask`` ``[N,1,H,W]``, per pixel of it.

    The hair of ``G(w,n)`` and that of ``y`` fill different areas, which are no part of a style. An empty mask
    gives zeros.
    """
    mask = _reduced(mask, features)
    area = mask.square().sum(dim=(1, 2, 3)).view(-1, 1, 1)
    pixels = features.shape[2] * features.shape[3]
    return gram_matrix(features * mask, None) * (pixels / area.clamp(min=1))


def style_loss(generated: Tensor, target: Tensor) -> Tensor:
    """``L_style``: mean squared difference of two :func:`style_gram` ``[N,C,C]``."""
    return (generated - target).square().mean(dim=(1, 2))


def _reduced(mask: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(mask, size=like.shape[2:], mode="area")
