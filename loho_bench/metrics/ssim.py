"""Structural similarity (Wang et al. 2004) between two 8-bit images, in its two common windows."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import ndimage

from loho_bench.metrics.psnr import DATA_RANGE, check_image_pair

Window = Literal["uniform", "gaussian"]

UNIFORM_RADIUS = 3
GAUSSIAN_SIGMA = 1.5
GAUSSIAN_RADIUS = 5  # 3.5 standard deviations, the cut of the 11x11 window of the original paper
_C1 = (0.01 * DATA_RANGE) ** 2
_C2 = (0.03 * DATA_RANGE) ** 2


def _local_mean(values: np.ndarray, window: Window) -> np.ndarray:
    """Mean of float64 ``[H, W, 3]`` over the window around every pixel, channel by channel."""
    if window == "uniform":
        return ndimage.uniform_filter(values, size=(2 * UNIFORM_RADIUS + 1,) * 2 + (1,))
    return ndimage.gaussian_filter(
        values, sigma=(GAUSSIAN_SIGMA,) * 2 + (0,), radius=(GAUSSIAN_RADIUS,) * 2 + (0,)
    )


def ssim_map(first: np.ndarray, second: np.ndarray, window: Window = "uniform") -> np.ndarray:
    """Return the similarity of every window, float64 ``[H, W, 3]``, at most 1.

    Parameters
    ----------
    first, second : uint8 [H, W, 3]
        RGB, same shape.
    window : "uniform" or "gaussian"
        "uniform": 7x7 box with the sample covariance; "gaussian": standard deviation 1.5, 11x11, with the
        population covariance. Pixels nearer to the frame than the window's radius see a mirrored image.

    Raises
    ------
    ValueError
        Another dtype, different shapes, or an image smaller than the window.
    """
    check_image_pair(first, second)
    side = 2 * _radius(window) + 1
    if min(first.shape[:2]) < side:
        raise ValueError(
            f"SSIM with a {side}x{side} window needs an image at least that large, not {first.shape}"
        )
    x, y = first.astype(np.float64), second.astype(np.float64)
    samples = side**2
    unbias = samples / (samples - 1) if window == "uniform" else 1.0
    mean_x, mean_y = _local_mean(x, window), _local_mean(y, window)
    variance_x = unbias * (_local_mean(x * x, window) - mean_x**2)
    variance_y = unbias * (_local_mean(y * y, window) - mean_y**2)
    covariance = unbias * (_local_mean(x * y, window) - mean_x * mean_y)
    likeness = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    return likeness / ((mean_x**2 + mean_y**2 + _C1) * (variance_x + variance_y + _C2))


def ssim(first: np.ndarray, second: np.ndarray, window: Window = "uniform") -> float:
    """Return the mean of :func:`ssim_map` over channels and all windows that lie inside the frame.

    Leaving out the border matters: mirrored windows raise the mean on smooth portraits.
    """
    border = _radius(window)
    return float(ssim_map(first, second, window)[border:-border, border:-border].mean())


def _radius(window: Window) -> int:
    return {"uniform": UNIFORM_RADIUS, "gaussian": GAUSSIAN_RADIUS}[window]
