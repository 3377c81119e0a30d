"""Dilation, erosion and overlap of masks beside SciPy's and the reference's: equal to the last pixel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from loho_bench.annotation.masks import dilate, erode, iou
from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.reference import Reference

SECTION = "masks"
SYNTHETIC = "masks_synthetic.npz"
USUAL_ROUNDS = 5


def files(reference: Reference) -> list[str]:
    """Return the files that the folder should have for this component."""
    named = reference.params.get(SECTION, [])
    return [*([named] if isinstance(named, str) else named), *filter(reference.has, [SYNTHETIC])]


def compare(reference: Reference) -> Iterator[Comparison]:
    """Compare the masks of portraits and the synthetic ones, file by file."""
    check = Checks("masks")
    for name in files(reference):
        stored, title = reference.arrays(name), name.removesuffix(".npz")
        if "mask" in stored:
            mask, grown, shrunk = (stored[key] for key in ("mask", "dilated", "eroded"))
        else:
            mask = _unpacked(stored["hair_values"])
            grown, shrunk = (_unpacked(stored[f"hair_{key}_packed"]) for key in ("dilated", "eroded"))
        rounds = rounds_of(mask, grown)
        yield check.equal(f"{title}, dilated by {rounds}", dilate(as_batch(mask), rounds)[:, 0], grown)
        yield check.equal(f"{title}, eroded by {rounds}", erode(as_batch(mask), rounds)[:, 0], shrunk)
        for region in ("hair", "face"):
            if f"{region}_iou" in stored:
                batch = as_batch(_unpacked(stored[f"{region}_values"]))
                found = torch.stack([iou(one[None].expand_as(batch), batch) for one in batch])
                # The quotient is float32 here.
                wanted = stored[f"{region}_iou"].astype(np.float32)
                yield check.equal(f"{title}, IoU of {region}, {len(batch)} by {len(batch)}", found, wanted)


def rounds_of(mask: np.ndarray, grown: np.ndarray) -> int:
    """Return how many rounds of the 3x3 cross, by SciPy, make ``grown`` of ``mask`` (both ``[N,H,W]``).

    The reference does not say it. Where no number does, the usual one of 5 is returned, and the comparison
    will fail.
    """
    current = np.asarray(mask) != 0
    cross = ndimage.generate_binary_structure(2, 1)[None]
    for rounds in range(1, max(current.shape)):
        following = ndimage.binary_dilation(current, cross)
        if np.array_equal(following, np.asarray(grown) != 0):
            return rounds
        if np.array_equal(following, current):
            break
        current = following
    return USUAL_ROUNDS


def as_batch(masks: np.ndarray) -> Tensor:
    """Return masks ``[N,H,W]`` as ``[N,1,H,W]`` float32."""
    return torch.from_numpy(np.asarray(masks, dtype=np.float32))[:, None]


def _unpacked(values: np.ndarray) -> np.ndarray:
    """Return masks ``[N,H,W]`` of values, or of rows of bits (square masks, most significant bit first)."""
    rows, columns = values.shape[-2:]
    if values.dtype == np.uint8 and columns == -(-rows // 8):
        return np.unpackbits(values, axis=-1, count=rows)
    return values
