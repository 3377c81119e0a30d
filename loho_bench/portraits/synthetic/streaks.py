"""The finest strands: noise smeared along the direction in which the hair falls.

Single hairs are too thin to be drawn one by one, and where each lies is chance. They are a line integral
convolution (Cabral and Leedom 1993) of the portrait's own noise maps, so a generator that gets the same maps
as noise inputs can learn to draw the very same hairs: W says how the hair falls, the noise where each is.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from loho_bench.portraits.synthetic.strands import Pieces

_SMOOTHING = 0.018
# Of the coarse, middle and fine map: standard deviation of a streak along the hair, in pixels of the map, and
# the share of its hairs. A generator smears a map by the few convolutions behind it: finer ones reach less.
_LENGTHS = (2.0, 1.6, 1.0)
_SHARES = (0.55, 0.65, 0.45)
_OFFSETS = np.linspace(-2, 2, 9, dtype=np.float32)  # standard deviations


def strand_directions(pieces: Pieces, size: int, frame: int) -> np.ndarray:
    """Smooth field of strand directions: unit vectors float32 [size, size, 2], (x, y), sign arbitrary.

    `pieces` are those in front, in pixels of a frame `frame` wide. Directions are averaged as double angles,
    for a strand has no sign.
    """
    lines = pieces.lines.astype(np.float32) / 16
    begin, end = lines[:, :-1].reshape(-1, 2), lines[:, 1:].reshape(-1, 2)
    along = end - begin
    double = (along[:, 0] + 1j * along[:, 1]) ** 2
    double /= np.abs(double) ** 0.5 + 1e-3
    cell = ((begin + end) * (0.5 * size / frame)).astype(int)
    inside = ((cell >= 0) & (cell < size)).all(1)
    flat = cell[inside, 1] * size + cell[inside, 0]
    sums = [np.bincount(flat, part[inside], size * size) for part in (double.real, double.imag)]
    field = np.stack(sums, axis=1).reshape(size, size, 2).astype(np.float32)
    # A wide blur under a narrow one: where no strand is near, the wide one speaks.
    smooth = sum(
        weight * cv2.GaussianBlur(field, (0, 0), width * _SMOOTHING * size, borderType=cv2.BORDER_REPLICATE)
        for width, weight in ((1.0, 1.0), (4.0, 0.05))
    )
    angle = 0.5 * np.arctan2(smooth[..., 1], smooth[..., 0])
    return np.stack([np.cos(angle), np.sin(angle)], axis=2)


def streaks(directions: np.ndarray, maps: Mapping[int, np.ndarray]) -> np.ndarray:
    """Noise smeared along `directions` [S, S, 2]: float32 [S, S], about standard normal.

    `maps` are noise maps {r: [r, r]} of `noise_maps`, coarse to fine: each gives hairs of its own width.
    """
    size = len(directions)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    kernel = np.exp(-0.5 * _OFFSETS**2)
    kernel /= np.linalg.norm(kernel) * np.linalg.norm(_SHARES)
    total = np.zeros((size, size), np.float32)
    for length, share, (resolution, noise) in zip(_LENGTHS, _SHARES, maps.items(), strict=True):
        scale = resolution / size
        x, y = (columns + 0.5) * scale - 0.5, (rows + 0.5) * scale - 0.5
        for offset, weight in zip(length * _OFFSETS, share * kernel, strict=True):
            moved_x, moved_y = x + offset * directions[..., 0], y + offset * directions[..., 1]
            total += weight * cv2.remap(
                noise, moved_x, moved_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
            )
    return total
