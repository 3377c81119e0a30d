"""Peak signal-to-noise ratio between two 8-bit images."""

from __future__ import annotations

import numpy as np

DATA_RANGE = 255.0


def check_image_pair(first: np.ndarray, second: np.ndarray) -> None:
    """Refuse anything but two uint8 images ``[H, W, 3]`` of one shape.

    Raises
    ------
    ValueError
        Another dtype (the data range would be a guess) or different shapes.
    """
    for image in (first, second):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"expected uint8 [H, W, 3], got {image.dtype} {image.shape}")
    if first.shape != second.shape:
        raise ValueError(f"images of different shapes: {first.shape} and {second.shape}")


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Return ``10 log10(255² / MSE)`` in dB over all pixels and channels; infinite for equal images.

    Parameters
    ----------
    first, second : uint8 [H, W, 3]
        RGB, same shape.

    Raises
    ------
    ValueError
        Another dtype or different shapes.
    """
    check_image_pair(first, second)
    error = np.mean(np.square(first.astype(np.float64) - second.astype(np.float64)))
    if error == 0:
        return float("inf")
    return float(10 * np.log10(DATA_RANGE**2 / error))
