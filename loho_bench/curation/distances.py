"""How far two portraits are apart: IoU of the faces and distance of the poses.

Both are computed for every row against every column of a tile. A value does not depend on the tile
it is computed in, to the last bit: the census and the draw must agree on every pair.
"""

from __future__ import annotations

import numpy as np


def face_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Exact IoU of every mask of ``first`` with every mask of ``second``.

    Parameters
    ----------
    first, second : numpy.ndarray
        Masks as bits, ``[R, W]`` and ``[C, W] uint64``.

    Returns
    -------
    numpy.ndarray
        ``[R, C] float64`` in [0, 1]; 0 where both masks are empty (no face is not the same face).
    """
    shared = np.empty((len(first), len(second)), dtype=np.int64)
    overlap = np.empty_like(second)
    bits = np.empty(second.shape, dtype=np.uint8)
    for row, mask in enumerate(first):
        np.bitwise_and(mask, second, out=overlap)
        np.bitwise_count(overlap, out=bits)
        shared[row] = bits.sum(axis=1, dtype=np.uint32)
    union = _areas(first)[:, None] + _areas(second)[None, :] - shared
    return np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)


def pose_distance(first: np.ndarray, second: np.ndarray, frame: float) -> np.ndarray:
    """Mean Euclidean distance between the landmarks of ``first`` and ``second`` in pixels (section 4.1).

    Parameters
    ----------
    first, second : numpy.ndarray
        ``[R, 68, 2]`` and ``[C, 68, 2] float64``, fractions of the frame.
    frame : float
        Side in pixels of the frame on which the distance is measured.

    Returns
    -------
    numpy.ndarray
        ``[R, C] float64``, pixels.
    """
    total = np.zeros((len(first), len(second)))
    # Point after point: the order of summation is the same in every tile.
    for point in range(first.shape[1]):
        across, down = (first[:, None, point, axis] - second[None, :, point, axis] for axis in (0, 1))
        total += np.sqrt(across * across + down * down)
    return total * frame / first.shape[1]


def _areas(masks: np.ndarray) -> np.ndarray:
    return np.bitwise_count(masks).sum(axis=1, dtype=np.int64)
