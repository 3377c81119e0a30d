"""In which direction the hair runs, pixel by pixel: MichiGAN's dense orientation maps.

Tan et al., "MichiGAN: Multi-Input-Conditioned Hair Image Generation for Portrait Editing" (SIGGRAPH 2020,
section 3.2). 32 oriented filters, each a narrow ridge detector, look at the grey image; the strongest answer
names the direction, and answers are averaged over a neighbourhood as double angles, for a strand has no sign.
The constants are those of the authors' Python script, its oddities included: they are what the published
network was fed with.

Angles are those of the strand with the horizontal, counter-clockwise: 0 lies flat, pi/4 rises to the right,
pi/2 stands upright.
"""

from __future__ import annotations

import cv2
import numpy as np

FILTERS = 32
LEVELS_PER_HALF_TURN = 255
"""A stored level of 255 would be pi."""
_REACH = 8  # pixels: the filters are 17 x 17
_NARROW, _WIDE, _ALONG = 1.0, 2.0, 2.0  # standard deviations in pixels: across (both Gaussians), and along
_GREY = np.array([0.299, 0.587, 0.144], np.float32)  # the usual weight of blue is 0.114
_BLUR = 4.0  # standard deviation of the averaging, pixels
_FRAME, _SMALLEST_FRAME = 512, 256  # pixels: what the constants are made for, and where they still work


def filter_bank() -> np.ndarray:
    """Return the filters ``[32, 17, 17] float32``; the k-th answers to strands at the angle pi k / 32.

    Each is the difference of two Gaussians across the strand (deviations 1 and 2) under one along it (2).
    """
    offsets = np.arange(-_REACH, _REACH + 1, dtype=np.float32)
    rows, columns = offsets[:, None], offsets[None]
    angles = (np.pi * np.arange(FILTERS) / FILTERS).astype(np.float32)[:, None, None]
    across = rows * np.cos(angles) + columns * np.sin(angles)
    along = columns * np.cos(angles) - rows * np.sin(angles)
    envelope = along**2 / _ALONG**2
    narrow, wide = (np.exp(-0.5 * (across**2 / d**2 + envelope)) / d for d in (_NARROW, _WIDE))
    return ((narrow - wide) / (1 / _NARROW - 1 / _WIDE)).astype(np.float32)


def strongest_filter(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Apply the filters to ``grey`` ``[H, W] float32``; outside of the frame it is 0.

    Returns
    -------
    (uint8 [H, W], float32 [H, W])
        Number of the filter with the largest answer, the first of equals, and that answer, at least 0.
    """
    strongest, best = np.zeros(grey.shape, np.uint8), np.zeros(grey.shape, np.float32)
    for number, kernel in enumerate(filter_bank()):
        answer = cv2.filter2D(grey, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT)
        better = answer > best
        strongest[better] = number
        np.maximum(best, answer, out=best)
    return strongest, best


def orientation_angles(image: np.ndarray, hair: np.ndarray, blur: float = _BLUR) -> np.ndarray:
    """Return the angle of the hair around every pixel, ``[H, W] float32`` in [0, pi].

    Parameters
    ----------
    image : uint8 [H, W, 3] RGB
        The filters are made for portraits of 512 pixels.
    hair : bool [H, W]
        What lies outside has no say.
    blur : float
        Standard deviation of the neighbourhood that answers are averaged over, pixels.
    """
    strongest, confidence = strongest_filter(image.astype(np.float32) @ _GREY)
    # Bins are spread over 31 steps, not 32, as in the script.
    double = strongest * np.float32(2 * np.pi / (FILTERS - 1))
    weight = confidence * hair
    x, y = (
        cv2.GaussianBlur(part.astype(np.float32) * weight, (0, 0), blur)
        for part in (np.cos(double), np.sin(double))
    )
    return _angle(x, y)


def orientation_map(image: np.ndarray, hair: np.ndarray, blur: float = _BLUR) -> np.ndarray:
    """Return the orientation of the hair as MichiGAN stores it.

    Parameters
    ----------
    image : uint8 [H, W, 3] RGB
        The filters are made for portraits of 512 pixels; see :func:`portrait_orientation` for others.
    hair : bool [H, W]
    blur : float
        See :func:`orientation_angles`.

    Returns
    -------
    uint8 [H, W]
        floor(255 angle / pi) in the hair, 0 outside.
    """
    return _levels(orientation_angles(image, hair, blur), hair)


def orientation_rgb(orientation: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """Encode a map ``[H, W] uint8`` as colours ``[H, W, 3] uint8``: what the inpainting network sees.

    Red and green are cosine and sine of the double angle, blue is constant; black outside of ``hair``
    ``[H, W] bool``.
    """
    double = orientation.astype(np.float64) * (2 * np.pi / LEVELS_PER_HALF_TURN)
    parts = np.stack([np.cos(double), np.sin(double), np.zeros_like(double)], axis=-1)
    return ((parts + 1) / 2 * 255 * hair[..., None]).astype(np.uint8)


def portrait_orientation(image: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """Return :func:`orientation_map` for a portrait of any size.

    The published constants belong to portraits of 512 pixels; larger ones are reduced to that. Smaller ones
    are enlarged to 256 pixels at least: in a portrait of 128 a strand is one pixel wide, which the filters
    miss. Fewer strands make each answer less certain, so the narrower the frame, the wider the average.
    Against the strands that the renderer drew, both together halve the error in portraits of 128 pixels.

    Parameters
    ----------
    image : uint8 [S, S, 3] RGB
    hair : bool [S, S]

    Returns
    -------
    uint8 [S, S]
    """
    size = len(image)
    frame = min(max(size, _SMALLEST_FRAME), _FRAME)
    blur = _BLUR * _FRAME / frame
    if frame == size:
        return orientation_map(image, hair, blur)
    kind = cv2.INTER_CUBIC if frame > size else cv2.INTER_AREA
    seen = cv2.resize(image, (frame, frame), interpolation=kind)
    region = cv2.resize(hair.astype(np.uint8), (frame, frame), interpolation=cv2.INTER_NEAREST) > 0
    double = 2 * orientation_angles(seen, region, blur)
    kind = cv2.INTER_AREA if frame > size else cv2.INTER_LINEAR
    x, y = (cv2.resize(part, (size, size), interpolation=kind) for part in (np.cos(double), np.sin(double)))
    return _levels(_angle(x, y), hair)


def _angle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Half the angle of the vectors (x, y), in [0, pi]."""
    angle = 0.5 * np.arctan2(y, x)
    return np.where(angle < 0, angle + np.float32(np.pi), angle)


def _levels(angle: np.ndarray, hair: np.ndarray) -> np.ndarray:
    return (angle * np.float32(LEVELS_PER_HALF_TURN / np.pi) * hair).astype(np.uint8)
