"""Colours of one region for another (Reinhard, Ashikhmin, Gooch and Shirley, "Color Transfer between Images",
2001): mean and deviation of each channel, here of CIE Lab."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

_LEAST_DEVIATION = 1e-3  # of Lab: a region of one colour has no contrast that could be scaled


def transfer_colours(images: Tensor, masks: Tensor, references: Tensor, reference_masks: Tensor) -> Tensor:
    """Give the pixels inside ``masks`` the colour statistics of the references inside their masks.

    Parameters
    ----------
    images, references : Tensor
        ``[N,3,S,S]`` in [-1,1], RGB.
    masks, reference_masks : Tensor
        ``[N,1,S,S]``; what is above one half counts.

    Returns
    -------
    Tensor
        ``[N,3,S,S]`` in [-1,1] on the device of ``images``. Pixels outside ``masks`` stay, as does a sample
        that lacks either region.
    """
    stacks = (images, masks > 0.5, references, reference_masks > 0.5)
    samples = zip(*(stack.cpu().numpy() for stack in stacks), strict=True)
    return torch.from_numpy(np.stack([_transfer_one(*sample) for sample in samples])).to(images.device)


def _transfer_one(
    image: np.ndarray, mask: np.ndarray, reference: np.ndarray, region: np.ndarray
) -> np.ndarray:
    if not (mask.any() and region.any()):
        return image
    inside, wanted = to_lab(image)[mask[0]], to_lab(reference)[region[0]]
    contrast = wanted.std(0) / np.maximum(inside.std(0), _LEAST_DEVIATION)
    changed = (inside - inside.mean(0)) * contrast + wanted.mean(0)
    recoloured = image.copy()
    recoloured[:, mask[0]] = from_lab(changed[None])[:, 0]
    return recoloured


def to_lab(image: np.ndarray) -> np.ndarray:
    """Bring RGB ``[3,H,W] float32`` in [-1,1] (sRGB) to CIE Lab ``[H,W,3] float32`` (D65)."""
    pixels = np.ascontiguousarray(image.transpose(1, 2, 0).clip(-1, 1) + 1, dtype=np.float32) / 2
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)


def from_lab(lab: np.ndarray) -> np.ndarray:
    """Undo :func:`to_lab`; colours that no screen shows are clipped."""
    pixels = cv2.cvtColor(np.ascontiguousarray(lab, dtype=np.float32), cv2.COLOR_LAB2RGB)
    return pixels.clip(0, 1).transpose(2, 0, 1) * 2 - 1
