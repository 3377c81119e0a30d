"""Fréchet inception distance in clean-fid's protocol, with any extractor.

What is clean-fid's: the resizing (bicubic to 299x299 in floating point, Parmar et al. 2022) and the
contract of a custom extractor (float32 ``[N, 3, 299, 299]`` in [0, 255] to ``[N, D]``). What is not: its
matrix square root, which fails for small sets (see :mod:`loho_bench.metrics.frechet`), its worker processes
and its downloads.

Two readings of an image set (Table 2 of the paper): ``full``, the frame as it is, and ``hair+face``
(LOHO-HF), where everything else is replaced by mid grey. Grey, because it is the zero of [-1, 1]: what
multiplying an image by its mask means in LOHO's own losses, and, unlike black, no hair colour.
"""

from __future__ import annotations

import itertools
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from loho_bench.compat import prepare_torchvision
from loho_bench.errors import UserError
from loho_bench.metrics.frechet import frechet_distance_of_features
from loho_bench.portraits.images import load_rgb
from loho_bench.storage import atomic_path

PROTOCOL = "clean"
ENOUGH_IMAGES = 2048
MID_GREY = 128
Reading = Literal["full", "hair+face"]


class Extractor(Protocol):
    """A custom extractor of clean-fid: any module from images to features, with a name for the rows."""

    name: str

    def __call__(self, images: Tensor) -> Tensor:
        """Map float32 ``[N, 3, 299, 299]`` in [0, 255] to features ``[N, D]``."""
        ...


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Features of one set of images and how they were made, so that unlike sets are never compared.

    Attributes
    ----------
    features : float32 [N, D]
        Rows in the order of the images.
    extractor, resolution : str
        Name of the extractor; size of the images before resizing, as ``"128"``, ``"128x96"`` or ``"mixed"``.
    reading : "full" or "hair+face"
    """

    features: np.ndarray
    extractor: str
    resolution: str
    reading: Reading
    protocol: str = PROTOCOL

    def subset(self, rows: Sequence[int] | np.ndarray) -> FeatureSet:
        """Return the set of these rows (indices, or booleans for all), e.g. the tuples of one category."""
        return replace(self, features=self.features[np.asarray(rows)])

    def save(self, path: str | Path) -> None:
        """Write to ``path`` (.npz), atomically."""
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **vars(self))

    @classmethod
    def load(cls, path: str | Path) -> FeatureSet:
        """Read what :meth:`save` wrote.

        Raises
        ------
        UserError
            The file is missing or is no such file.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                texts = {
                    name: str(stored[name]) for name in ("extractor", "resolution", "reading", "protocol")
                }
                return cls(features=stored["features"], **texts)
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(
                f"The features in {path} cannot be read.",
                cause=str(error),
                remedy="delete the file and score again",
            ) from error


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
    batch_size : int
        Has no effect on the result beyond rounding.

    Raises
    ------
    UserError
        An image cannot be read, or there is none.
    ValueError
        There are more or fewer masks than images, or one is of another size.
    """
    prepare_torchvision()
    from cleanfid.fid import get_batch_features
    from cleanfid.resize import build_resizer

    if len(images) == 0:
        raise UserError("There are no images to compute features of.", remedy="run the transfers first")
    resize = build_resizer(PROTOCOL)
    masks = itertools.repeat(None, len(images)) if foregrounds is None else foregrounds
    pairs = zip(images, masks, strict=True)
    sizes: set[tuple[int, ...]] = set()
    batches = []
    while batch := list(itertools.islice(pairs, batch_size)):
        frames = []
        for image, mask in batch:
            pixels = image if isinstance(image, np.ndarray) else load_rgb(image)
            sizes.add(pixels.shape[:2])
            frames.append(_resized(resize, pixels if mask is None else hair_and_face_only(pixels, mask)))
        batches.append(get_batch_features(torch.from_numpy(np.stack(frames)), extractor, device))
    return FeatureSet(
        features=np.concatenate(batches).astype(np.float32),
        extractor=extractor.name,
        resolution=_resolution(sizes),
        reading="full" if foregrounds is None else "hair+face",
    )


def fid(generated: FeatureSet, reference: FeatureSet) -> dict[str, object]:
    """Return one row: the FID between two sets and everything needed to know what it means.

    Returns
    -------
    dict
        ``fid`` (float, NaN where either set has fewer than two images), ``extractor``, ``protocol``,
        ``reading``, ``resolution``, ``n``, ``n_reference``, ``features`` (how many a picture), and
        ``caution``: empty, or why the number must not be compared with others.

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
    value = float("nan")
    if min(n, n_reference) >= 2:
        value = frechet_distance_of_features(generated.features, reference.features)
    return {
        "fid": value,
        "extractor": generated.extractor,
        "protocol": generated.protocol,
        "reading": generated.reading,
        "resolution": generated.resolution,
        "n": n,
        "n_reference": n_reference,
        "features": generated.features.shape[1],
        "caution": _caution(generated, reference),
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


def _resized(resize, pixels: np.ndarray) -> np.ndarray:
    """Clean-fid's resizing of one uint8 ``[H, W, 3]``, to float32 ``[3, 299, 299]`` in [0, 255]."""
    with warnings.catch_warnings():
        # clean-fid names the float mode explicitly, which several releases of Pillow announced to end.
        warnings.simplefilter("ignore", DeprecationWarning)
        return resize(pixels).transpose(2, 0, 1)


def _resolution(sizes: set[tuple[int, ...]]) -> str:
    if len(sizes) > 1:
        return "mixed"
    height, width = next(iter(sizes))
    return str(width) if height == width else f"{width}x{height}"
