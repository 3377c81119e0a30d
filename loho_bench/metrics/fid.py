"""Fréchet and kernel inception distance in clean-fid's protocols, with any extractor.

What is clean-fid's: how images are resized (Parmar et al. 2022) and the contract of a custom extractor
(float32 images in [0, 255] to ``[N, D]``). What is not: its matrix square root, which fails for small sets
(see :mod:`loho_bench.metrics.frechet`), its worker processes and its downloads.

The protocols are its modes: ``clean`` is bicubic to 299x299 with a filter, not rounded; ``legacy_pytorch``
bilinear without one, not rounded; ``legacy_tensorflow`` leaves the size to the extractor.

Two readings of an image set (Table 2 of the paper): ``full``, the frame as it is, and ``hair+face``
(LOHO-HF), where everything else is replaced by mid grey. Grey, because it is the zero of [-1, 1]: what
multiplying an image by its mask means in LOHO's own losses, and, unlike black, no hair colour.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from loho_bench.compat import prepare_torchvision
from loho_bench.errors import UserError
from loho_bench.metrics.feature_set import FeatureSet, Mode
from loho_bench.portraits.images import load_rgb
from loho_bench.progress import get_logger

ENOUGH_IMAGES = 2048
MID_GREY = 128


class Extractor(Protocol):
    """A custom extractor of clean-fid: any module from images to features, with a name for the rows.

    One that belongs to a single protocol names it in an attribute ``protocol``.
    """

    name: str

    def __call__(self, images: Tensor) -> Tensor:
        """Map float32 ``[N, 3, 299, 299]`` (``legacy_tensorflow``: any size) in [0, 255] to ``[N, D]``."""
        ...


def hair_and_face_only(image: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """Return a copy of a uint8 image ``[H, W, 3]`` that is mid grey outside the boolean mask ``[H, W]``.

    Raises
    ------
    ValueError
        The mask is not boolean or has another size than the image.
    """
    if foreground.dtype != np.bool_ or foreground.shape != image.shape[:2]:
        raise ValueError(
            f"expected a boolean mask {image.shape[:2]}, got {foreground.dtype} {foreground.shape}"
        )
    return np.where(foreground[..., None], image, np.uint8(MID_GREY))


def extract_features(
    images: Sequence[Path | str | np.ndarray],
    extractor: Extractor,
    *,
    foregrounds: Iterable[np.ndarray] | None = None,
    protocol: Mode | None = None,
    batch_size: int = 32,
    device: torch.device | str = "cpu",
) -> FeatureSet:
    """Return the features of a set of images, in their order.

    Parameters
    ----------
    images : sequence of paths or uint8 [H, W, 3]
        Paths should be PNG: compression changes a FID. Each image is read once and let go.
    extractor : Extractor
        Already on ``device``.
    foregrounds : iterable of bool [H, W], optional
        Hair and face mask of each image; given, the reading is ``hair+face``.
    protocol : Mode, optional
        How to resize; the extractor's own where left out, or ``clean`` if it has none.
    batch_size : int
        Has no effect on the result beyond rounding.

    Raises
    ------
    UserError
        An image cannot be read, or there is none.
    ValueError
        There are more or fewer masks than images, or one is of another size; or the protocol is not the
        extractor's.
    """
    own = getattr(extractor, "protocol", None)
    protocol = protocol or own or "clean"
    if own not in (None, protocol):
        raise ValueError(f"{extractor.name} needs the protocol '{own}', not '{protocol}'")
    prepare_torchvision()
    from cleanfid.fid import get_batch_features
    from cleanfid.resize import build_resizer

    if len(images) == 0:
        raise UserError("There are no images to compute features of.", remedy="run the transfers first")
    with warnings.catch_warnings():  # one of clean-fid's modes silences every warning of the process
        resize = build_resizer(protocol)
    masks = itertools.repeat(None, len(images)) if foregrounds is None else foregrounds
    sizes: set[tuple[int, ...]] = set()

    def frames() -> Iterator[np.ndarray]:
        for image, mask in zip(images, masks, strict=True):
            pixels = image if isinstance(image, np.ndarray) else load_rgb(image)
            sizes.add(pixels.shape[:2])
            yield _resized(resize, pixels if mask is None else hair_and_face_only(pixels, mask))

    batches = [
        get_batch_features(torch.from_numpy(batch), extractor, device)
        for batch in _stacked(frames(), batch_size)
    ]
    return FeatureSet(
        features=np.concatenate(batches).astype(np.float32),
        extractor=extractor.name,
        resolution=_resolution(sizes),
        reading="full" if foregrounds is None else "hair+face",
        protocol=protocol,
    )


def fid(generated: FeatureSet, reference: FeatureSet) -> dict[str, object]:
    """Return one row: FID and KID between two sets and everything needed to know what they mean.

    Returns
    -------
    dict
        ``fid`` and ``kid`` (float, NaN where either set has fewer than two images), ``kid_error`` (its
        standard error over images), ``extractor``, ``protocol``, ``reading``, ``resolution``, ``n``,
        ``n_reference``, ``features`` (how many a picture), and ``caution``: empty, or why the FID must not
        be compared with others. A caution is also logged, each once.

    Raises
    ------
    ValueError
        The sets come from different extractors, protocols or readings.
    """
    for aspect in ("extractor", "protocol", "reading"):
        ours, theirs = getattr(generated, aspect), getattr(reference, aspect)
        if ours != theirs:
            raise ValueError(f"sets of different {aspect} cannot be compared: '{ours}' and '{theirs}'")
    n, n_reference = len(generated.features), len(reference.features)
    value = generated.gaussian.distance(reference.gaussian) if min(n, n_reference) >= 2 else float("nan")
    kid = generated.kernel.distance(reference.kernel)
    caution = _caution(generated, reference)
    if caution:
        _log_once(caution)
    return {
        "fid": value,
        "kid": kid.value,
        "kid_error": kid.error,
        "extractor": generated.extractor,
        "protocol": generated.protocol,
        "reading": generated.reading,
        "resolution": generated.resolution,
        "n": n,
        "n_reference": n_reference,
        "features": generated.features.shape[1],
        "caution": caution,
    }


def _caution(generated: FeatureSet, reference: FeatureSet) -> str:
    remarks = []
    n = min(len(generated.features), len(reference.features))
    if n < 2:
        remarks.append("a FID needs at least two images on each side")
    elif n < ENOUGH_IMAGES:
        remarks.append(
            f"{n} images are fewer than {ENOUGH_IMAGES}: the estimate is biased upwards, "
            "compare only with numbers of the same n"
        )
    if generated.resolution != reference.resolution:
        remarks.append(f"images are {generated.resolution} px, the reference {reference.resolution} px")
    return "; ".join(remarks)


@cache
def _log_once(caution: str) -> None:
    """Log a caution that many rows of a table share."""
    get_logger("metrics").warning("FID: %s", caution)


def _resized(resize: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray) -> np.ndarray:
    """Clean-fid's resizing of one uint8 ``[H, W, 3]``, to float32 ``[3, H', W']`` in [0, 255]."""
    with warnings.catch_warnings():
        # clean-fid names the float mode explicitly, which several releases of Pillow announced to end.
        warnings.simplefilter("ignore", DeprecationWarning)
        return resize(pixels).astype(np.float32, copy=False).transpose(2, 0, 1)


def _stacked(frames: Iterable[np.ndarray], batch_size: int) -> Iterator[np.ndarray]:
    """Yield batches ``[N, 3, H, W]``, in order; neighbours of different sizes are kept apart."""
    for _, alike in itertools.groupby(frames, key=np.shape):
        while batch := list(itertools.islice(alike, batch_size)):
            yield np.stack(batch)


def _resolution(sizes: set[tuple[int, ...]]) -> str:
    if len(sizes) > 1:
        return "mixed"
    height, width = next(iter(sizes))
    return str(width) if height == width else f"{width}x{height}"
