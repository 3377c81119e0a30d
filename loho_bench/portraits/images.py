"""Images from files to arrays and tensors, with a plain reason where a file cannot be used."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from loho_bench.errors import UserError

SMALLEST_SIDE = 64
"""Fewer pixels than this show neither hair strands nor 68 distinct landmarks."""

LARGEST_SIDE = 8192
"""Above this side (67 million pixels) a file is taken for a mistake or a decompression bomb."""

_SIXTEEN_BIT_GREY = ("I;16", "I;16L", "I;16B", "I;16N")


class RejectedImage(UserError):
    """A file that cannot serve as a portrait."""

    @property
    def reason(self) -> str:
        """Why, and what to do, in one line."""
        return f"{self.cause}: {self.remedy}" if self.remedy else self.cause


def load_rgb(path: str | Path, smallest: int = SMALLEST_SIDE) -> np.ndarray:
    """Read a square portrait as 8-bit RGB, converted as by :func:`decode_rgb`.

    Parameters
    ----------
    path : str or Path
    smallest : int
        Least side in pixels that is accepted.

    Returns
    -------
    numpy.ndarray
        ``[H, H, 3] uint8`` RGB.

    Raises
    ------
    RejectedImage
        The file is missing, no image, truncated, not square, smaller than ``smallest`` or larger than
        ``LARGEST_SIDE``, or its pixels are 32-bit numbers of unknown range.
    """
    return decode_rgb(path, partial(_check_portrait, smallest=smallest))


def load_resized(path: str | Path, size: int) -> np.ndarray:
    """Return ``resize(load_rgb(path), size)``, without the copies of the large image between the two."""
    return np.array(_resize(_decode(Path(path), partial(_check_portrait, smallest=SMALLEST_SIDE)), size))


def decode_rgb(path: str | Path, check_size: Callable[[Path, int, int], None]) -> np.ndarray:
    """Read an image of any shape as 8-bit RGB.

    Grey, palette, CMYK and two-tone images are converted; 16-bit values are scaled to 8 bits (none is
    clipped); transparent pixels are laid over white; the EXIF orientation is applied; colour profiles
    are not (FFHQ and the networks are sRGB). Of a file with several frames the first counts.

    Parameters
    ----------
    path : str or Path
    check_size : callable
        Called with the path, the width and the height of the stored image before any pixel is decoded; raises
        what :func:`reject` returns where they will not do.

    Returns
    -------
    numpy.ndarray
        ``[H, W, 3] uint8`` RGB.

    Raises
    ------
    RejectedImage
        The file is missing, no image, truncated, far too large or refused by ``check_size``, or its pixels
        are 32-bit numbers of unknown range.
    """
    return np.array(_decode(Path(path), check_size))


def _decode(path: Path, check_size: Callable[[Path, int, int], None]) -> Image.Image:
    """Return the picture behind :func:`decode_rgb`, mode RGB; its errors are the same."""
    if not path.is_file():
        raise reject(path, "there is no such file")
    # Pillow's warnings name no file; what matters of them is a rejection below. They are ignored for good: a
    # filter that comes and goes is not made for threads.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        with Image.open(path) as image:
            check_size(path, *image.size)
            return _to_rgb(path, image)
    except Image.DecompressionBombError as error:
        raise too_large(path, "several times too many pixels") from error
    except UnidentifiedImageError as error:
        raise reject(path, "unreadable: not an image of a known format") from error
    except RejectedImage:
        raise
    except Exception as error:
        # A damaged file can fail in any way inside a decoder (struct, zlib, index errors ...).
        raise reject(path, f"unreadable or truncated ({error})", "replace it by a whole copy") from error


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Resize ``[H, W, 3] uint8`` to ``[size, size, 3]`` with Pillow's antialiased Lanczos filter.

    It is the filter with which FFHQ itself was made. An image of that size already is returned as it is.
    """
    if image.shape[:2] == (size, size):
        return image
    return np.asarray(_resize(Image.fromarray(image), size))


def _resize(image: Image.Image, size: int) -> Image.Image:
    if image.size == (size, size):
        return image
    return image.resize((size, size), Image.Resampling.LANCZOS)


def to_tensor(images: np.ndarray) -> Tensor:
    """Convert ``[N, H, W, 3] uint8`` to ``[N, 3, H, W] float32`` in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous()


def to_uint8(images: Tensor) -> np.ndarray:
    """Convert ``[N, 3, H, W]`` in [-1, 1] to ``[N, H, W, 3] uint8``: rounded, values outside clamped."""
    scaled = images.detach().float().add(1).mul(127.5).round().clamp(0, 255)
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def reject(path: Path, reason: str, remedy: str = "") -> RejectedImage:
    """Return the exception that sets the file ``path`` aside for ``reason``."""
    return RejectedImage(f"cannot use the image {path}", cause=reason, remedy=remedy)


def too_large(path: Path, size: str, limit: int = LARGEST_SIDE) -> RejectedImage:
    """Return the exception that sets a file aside whose sides exceed ``limit`` pixels."""
    return reject(path, f"too large ({size})", f"reduce it to at most {limit}x{limit} pixels")


def _check_portrait(path: Path, width: int, height: int, smallest: int) -> None:
    if max(width, height) > LARGEST_SIDE:
        raise too_large(path, f"{width}x{height} pixels")
    if width != height:
        raise reject(
            path,
            f"not square ({width}x{height} pixels)",
            "align it first (loho-bench align): the benchmark needs portraits aligned as FFHQ is",
        )
    if width < smallest:
        raise reject(
            path, f"too small ({width}x{height} pixels)", f"give at least {smallest}x{smallest} pixels"
        )


def _to_rgb(path: Path, image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F"):
        raise reject(
            path, "its pixels are 32-bit numbers, of which no range is known", "save it with 8 bits a channel"
        )
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in _SIXTEEN_BIT_GREY:
        # Pillow's own conversion would clip every value above 255 to white.
        levels = (np.asarray(image).astype(np.uint32) + 128) // 257
        image = Image.fromarray(levels.astype(np.uint8))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image if image.mode == "RGB" else image.convert("RGB")
