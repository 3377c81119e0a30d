"""From a photograph and the landmarks of a face to an aligned portrait, by the recipe that made FFHQ.

The recipe is that of ``recreate_aligned_images`` in NVIDIA's ffhq-dataset repository (and of Karras et al.,
"Progressive Growing of GANs", ICLR 2018, appendix C): a square turned with the face, placed and sized by eyes
and mouth, cut out of the photograph, which goes on beyond its border as a blurred mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from loho_bench.errors import UserError

PORTRAIT_SIZE = 1024
"""Side of FFHQ's portraits in pixels."""
TRANSFORM_SIZE = 4096
"""Side at which the square is sampled before it is reduced: four samples a pixel each way."""

_EYES = (slice(36, 42), slice(42, 48))
_MOUTH_CORNERS = (48, 54)
_BORDER = 0.1
"""Kept around the square when the rest of the photograph is cut away, as a share of its side."""
_LEAST_BORDER = 3
_PADDING = 0.3
"""Least width of the padding where there is any."""
_BLUR = 0.02
"""Standard deviation of the padding's blur."""
_SMALLEST_SQUARE = 16.0
_LARGEST_OVERHANG = 2.0


def align_portrait(
    image: np.ndarray,
    landmarks: np.ndarray,
    size: int = PORTRAIT_SIZE,
    transform_size: int = TRANSFORM_SIZE,
    pad: bool = True,
) -> np.ndarray:
    """Cut the portrait of one face out of a photograph.

    Parameters
    ----------
    image : numpy.ndarray
        ``[H, W, 3] uint8`` RGB.
    landmarks : numpy.ndarray
        ``[68, 2]`` x, y in pixels, iBUG order; the centre of the first pixel is (0, 0).
    size : int
        Side of the portrait in pixels.
    transform_size : int
        Side at which the photograph is sampled; the portrait is reduced from it with an antialiased filter.
    pad : bool
        Continue the photograph beyond its border (mirrored, blurred, fading to the median); else black.

    Returns
    -------
    numpy.ndarray
        ``[size, size, 3] uint8``.

    Raises
    ------
    UserError
        The landmarks give no square, or one that is tiny or almost wholly outside the photograph.
    """
    quad = crop_quad(landmarks)
    _check_place(quad, image.shape[1], image.shape[0])
    view = _View(Image.fromarray(image), quad)
    view = _cut(_shrink(view, size))
    if pad:
        view = _pad(view)
    return _sample(view, size, transform_size)


def crop_quad(landmarks: np.ndarray) -> np.ndarray:
    """Return the square of the recipe.

    With e the vector from the left to the right eye and m that from between the eyes to the middle of the
    mouth, its horizontal half axis points along e + (m turned to the right by 90 degrees) and is max(2 |e|,
    1.8 |m|) long; its centre lies a tenth of m below the eyes.

    Parameters
    ----------
    landmarks : numpy.ndarray
        ``[68, 2]`` in pixels, iBUG order.

    Returns
    -------
    numpy.ndarray
        ``[4, 2] float64``: the corners upper left, lower left, lower right and upper right as the face sees
        the portrait upright, in pixels.

    Raises
    ------
    UserError
        A landmark is not finite, or eyes and mouth lie in one point.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise _unusable("68 finite points are needed", "give all landmarks of the face, in iBUG order")
    left, right = (points[eye].mean(axis=0) for eye in _EYES)
    eyes, mouth = (left + right) / 2, points[list(_MOUTH_CORNERS)].mean(axis=0)
    between, down = right - left, mouth - eyes
    direction = between + np.array([down[1], -down[0]])
    length = np.hypot(*direction)
    if length == 0:
        raise _unusable("the eyes and the mouth give no direction", "check the order of the points (iBUG)")
    right_half = direction / length * max(2.0 * np.hypot(*between), 1.8 * np.hypot(*down))
    lower_half = np.array([-right_half[1], right_half[0]])
    centre = eyes + 0.1 * down
    corners = ((-1, -1), (-1, 1), (1, 1), (1, -1))
    return np.stack([centre + x * right_half + y * lower_half for x, y in corners])


@dataclass(frozen=True)
class _View:
    """A part of the photograph at some scale, and the square in its pixels."""

    picture: Image.Image
    quad: np.ndarray

    @property
    def side(self) -> float:
        return float(np.hypot(*(self.quad[3] - self.quad[0])))

    @property
    def border(self) -> int:
        return max(round(self.side * _BORDER), _LEAST_BORDER)

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """Whole pixels around the square: left, top, right, bottom."""
        low, high = np.floor(self.quad.min(axis=0)), np.ceil(self.quad.max(axis=0))
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _shrink(view: _View, size: int) -> _View:
    """Reduce a photograph whose square is at least four portraits wide by a whole factor."""
    factor = int(view.side / size * 0.5)
    if factor <= 1:
        return view
    width, height = (round(side / factor) for side in view.picture.size)
    reduced = view.picture.resize((width, height), Image.Resampling.LANCZOS)
    return _View(reduced, view.quad / factor)


def _cut(view: _View) -> _View:
    """Cut away what lies farther from the square than the border."""
    (left, top, right, bottom), border = view.bounds, view.border
    width, height = view.picture.size
    left, top = max(left - border, 0), max(top - border, 0)
    right, bottom = min(right + border, width), min(bottom + border, height)
    if right - left >= width and bottom - top >= height:
        return view
    return _View(view.picture.crop((left, top, right, bottom)), view.quad - (left, top))


def _pad(view: _View) -> _View:
    """Continue the picture where the square, border included, leaves it by more than a few pixels."""
    (left, top, right, bottom), border = view.bounds, view.border
    width, height = view.picture.size
    missing = (border - left, border - top, right - width + border, bottom - height + border)
    if max(missing) <= border - 4:
        return view
    left, top, right, bottom = np.maximum(missing, round(view.side * _PADDING))
    widths = ((top, bottom), (left, right), (0, 0))
    picture = np.pad(np.asarray(view.picture, dtype=np.float32), widths, mode="reflect")
    outside = np.maximum(
        _outwards(picture.shape[0], top, bottom)[:, None], _outwards(picture.shape[1], left, right)
    )[..., None]
    # In place and channel by channel: a wide padding makes a picture of hundreds of megabytes.
    blur = view.side * _BLUR
    blur_share = np.clip(3.0 * outside + 1.0, 0.0, 1.0)[..., 0]
    for channel in range(3):
        sharp = picture[..., channel]
        sharp += (gaussian_filter(sharp, blur) - sharp) * blur_share
    picture += (np.median(picture, axis=(0, 1)) - picture) * np.clip(outside, 0.0, 1.0)
    padded = Image.fromarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    return _View(padded, view.quad + np.array([left, top]))


def _outwards(length: int, before: int, after: int) -> np.ndarray:
    """Return how far each pixel of a line lies outside: 1 at its ends, 0 where the padding begins.

    Parameters
    ----------
    length, before, after : int
        Of the line, and of its padding at either end, in pixels.

    Returns
    -------
    numpy.ndarray
        ``[length] float32``.
    """
    position = np.arange(length, dtype=np.float32)
    return np.maximum(1.0 - position / np.float32(before), 1.0 - position[::-1] / np.float32(after))


def _sample(view: _View, size: int, transform_size: int) -> np.ndarray:
    # The quadrilateral of Pillow is measured from the pixels' outer edges, landmarks from their centres.
    corners = (view.quad + 0.5).ravel()
    sampled = view.picture.transform(
        (transform_size, transform_size), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR
    )
    if size < transform_size:
        sampled = sampled.resize((size, size), Image.Resampling.LANCZOS)
    return np.array(sampled)


def _check_place(quad: np.ndarray, width: int, height: int) -> None:
    """Refuse a square that cannot belong to a face in the photograph."""
    side = float(np.hypot(*(quad[3] - quad[0])))
    if side < _SMALLEST_SQUARE:
        raise _unusable(
            f"the portrait would be {side:.1f} pixels wide",
            "give landmarks in pixels of the photograph, or a larger photograph",
        )
    centre = quad.mean(axis=0)
    inside = (centre >= 0).all() and (centre <= (width, height)).all()
    if not inside or side > (1 + _LARGEST_OVERHANG) * max(width, height):
        raise _unusable(
            f"the face lies outside the photograph of {width}x{height} pixels",
            "give landmarks in pixels of this very photograph",
        )


def _unusable(cause: str, remedy: str) -> UserError:
    return UserError("cannot align the face", cause=cause, remedy=remedy)
