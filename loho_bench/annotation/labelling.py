"""What all parsers share: portraits of any size in, a few at a time at the network's size, labels out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_PIXELS_AT_ONCE = 16 * 256**2


def resize_smoothly(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize [N, C, H, W] bilinearly to ``size`` (height, width), averaging where it shrinks."""
    if tuple(x.shape[2:]) == tuple(size):
        return x
    return F.interpolate(x, size=tuple(size), mode="bilinear", antialias=True)


@torch.no_grad()
def label_portraits(
    images: Tensor, size: int, logits_of: Callable[[Tensor], Tensor], *, magnified: float = 1.0
) -> Tensor:
    """Label every pixel with the class of the largest logit.

    Memory stays bounded however many portraits there are.

    Parameters
    ----------
    images : Tensor [N, 3, H, W] float
        Of any size.
    size : int
        Side in pixels of what ``logits_of`` sees.
    logits_of : callable
        From images [n, 3, size, size] to logits [n, K, size, size], on any device.
    magnified : float
        How many pixels the network works on at once for each one of its input.

    Returns
    -------
    Tensor [N, H, W] uint8
        On the device of the images.
    """
    height, width = images.shape[2:]
    labels = images.new_empty((len(images), height, width), dtype=torch.uint8)
    at_once = max(1, int(_PIXELS_AT_ONCE / max(height * width, size**2 * magnified)))
    for start in range(0, len(images), at_once):
        part = slice(start, start + at_once)
        logits = logits_of(resize_smoothly(images[part].float(), (size, size))).float()
        labels[part] = resize_smoothly(logits, (height, width)).argmax(dim=1).to(labels)
    return labels
