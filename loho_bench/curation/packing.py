"""Face masks as words of bits, each a block of 8 x 8 pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loho_bench.errors import UserError

_BLOCK = 8
_MASKS_AT_A_TIME = 64


def pack_faces(masks: Sequence[bytes], size: int, reduced: int | None = None) -> np.ndarray:
    """Return masks ``[N, W] uint64``, a word for every 8 x 8 pixels.

    Faces fill, or leave empty, most of these blocks, which makes them quick to compare.

    Parameters
    ----------
    masks : sequence of bytes
        ``N`` masks as :func:`loho_bench.annotation.masks.pack_bits` packs them.
    size : int
        Their side in pixels, a multiple of 8.
    reduced : int, optional
        Side to reduce them to: a pixel is set when at least half of the pixels that it replaces are.

    Raises
    ------
    UserError
        ``reduced`` does not divide ``size``.
    """
    if reduced is not None and size % reduced:
        raise UserError(
            f"faces cannot be compared at {reduced} pixels (tuples.mask_size)",
            cause=f"{reduced} does not divide {size}, the size of the annotated masks",
            remedy=f"set tuples.mask_size to {size} divided by a whole number, or leave it out",
        )
    if not len(masks):
        return np.empty((0, 0), np.uint64)
    rows = np.frombuffer(b"".join(masks), np.uint8).reshape(len(masks), size, size // _BLOCK)
    if reduced not in (None, size):
        starts = range(0, len(rows), _MASKS_AT_A_TIME)
        rows = np.concatenate([_reduce(rows[start : start + _MASKS_AT_A_TIME], reduced) for start in starts])
    blocks = rows.reshape(len(rows), rows.shape[2], _BLOCK, rows.shape[2]).transpose(0, 1, 3, 2)
    return np.ascontiguousarray(blocks).reshape(len(rows), -1).view(np.uint64)


def _reduce(rows: np.ndarray, size: int) -> np.ndarray:
    bits = np.unpackbits(rows, axis=-1)
    factor = bits.shape[1] // size
    set_pixels = bits.reshape(len(bits), size, factor, size, factor).sum(axis=(2, 4), dtype=np.int32)
    return np.packbits(2 * set_pixels >= factor**2, axis=-1)
