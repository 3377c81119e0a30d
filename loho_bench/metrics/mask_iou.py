"""Intersection over union of two masks; of hair masks it says whether a transfer kept the hair's shape."""

from __future__ import annotations

import numpy as np


def mask_iou(first: np.ndarray, second: np.ndarray) -> float:
    """Return ``|A ∩ B| / |A ∪ B|``, between 0 and 1 (section 4.3 of the paper: IoU of M2^h and M_G^h).

    Two empty masks agree and give 1; one empty mask against one that is not gives 0.

    Parameters
    ----------
    first, second : bool [H, W]

    Raises
    ------
    ValueError
        A mask is not boolean (a soft mask needs a threshold that its owner must choose), or shapes differ.
    """
    if first.dtype != np.bool_ or second.dtype != np.bool_:
        raise ValueError(f"expected boolean masks, got {first.dtype} and {second.dtype}")
    if first.shape != second.shape:
        raise ValueError(f"masks of different shapes: {first.shape} and {second.shape}")
    union = np.count_nonzero(first | second)
    if union == 0:
        return 1.0
    return np.count_nonzero(first & second) / union
