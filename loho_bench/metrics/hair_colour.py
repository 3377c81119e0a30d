"""How far the hair colour of a transfer is from that of the appearance image."""

from __future__ import annotations

import numpy as np


def mean_colour(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the mean RGB inside the mask, float64 ``[3]`` in [0, 255]; NaN where the mask is empty.

    Parameters
    ----------
    image : uint8 [H, W, 3]
    mask : bool [H, W]

    Raises
    ------
    ValueError
        The mask is not boolean or has another size than the image.
    """
    if mask.dtype != np.bool_ or mask.shape != image.shape[:2]:
        raise ValueError(f"expected a boolean mask {image.shape[:2]}, got {mask.dtype} {mask.shape}")
    if not mask.any():
        return np.full(3, np.nan)
    return image[mask].mean(axis=0, dtype=np.float64)


def hair_colour_difference(
    first: np.ndarray, first_hair: np.ndarray, second: np.ndarray, second_hair: np.ndarray
) -> float:
    """Return the mean absolute difference of the two mean hair colours over R, G, B, divided by 255.

    0 for equal mean colours, 1 for black against white, NaN where either image has no hair: there is then no
    colour to compare, and the statistics count the tuple as failed.

    Parameters
    ----------
    first, second : uint8 [H, W, 3]
        RGB; sizes may differ.
    first_hair, second_hair : bool [H, W]
        Hair mask of each image.
    """
    gap = mean_colour(first, first_hair) - mean_colour(second, second_hair)
    return float(np.abs(gap).mean() / 255)
