"""A canvas of colours and labels on which shapes are drawn with sub-pixel precision."""

from __future__ import annotations

import cv2
import numpy as np

_SHIFT = 4
_ONE = 1 << _SHIFT
# Fixed-point coordinates beyond this overflow inside OpenCV; nothing visible is that far out.
_FAR = 20_000.0


def fixed(points: np.ndarray) -> np.ndarray:
    """Pixels [..., 2] as the 28.4 fixed-point int32 that OpenCV's drawing takes."""
    return np.round(np.clip(points, -_FAR, _FAR) * _ONE).astype(np.int32)


class Canvas:
    """`image` float32 [S, S, 3] RGB in [0, 1] and `labels` uint8 [S, S], drawn over in order.

    `unit` is the length of one head unit in pixels; widths and radii below are given in head units.
    """

    def __init__(self, image: np.ndarray, unit: float) -> None:
        self.image = image
        self.size = image.shape[0]
        self.unit = unit
        self.labels = np.zeros(image.shape[:2], np.uint8)

    def thickness(self, width: float) -> int:
        """Pixels of a line `width` head units wide, at least one."""
        return max(1, round(width * self.unit))

    def empty(self) -> np.ndarray:
        """A fresh coverage map uint8 [S, S]."""
        return np.zeros((self.size, self.size), np.uint8)

    def polygon(self, points: np.ndarray, value: int = 255, into: np.ndarray | None = None) -> np.ndarray:
        """Coverage of the filled polygon through pixels [n, 2]."""
        cover = self.empty() if into is None else into
        cv2.fillPoly(cover, [fixed(points)], value, cv2.LINE_AA, _SHIFT)
        return cover

    def ellipse(
        self,
        centre: np.ndarray,
        axes: tuple[float, float],
        *,
        angle: float = 0,
        value: int = 255,
        into: np.ndarray | None = None,
    ) -> np.ndarray:
        """Coverage of the filled ellipse at pixel `centre` with half axes in head units."""
        cover = self.empty() if into is None else into
        half = np.maximum(fixed(np.array(axes) * self.unit), 1).tolist()
        cv2.ellipse(cover, fixed(centre).tolist(), half, angle, 0, 360, value, -1, cv2.LINE_AA, _SHIFT)
        return cover

    def line(
        self, points: np.ndarray, width: float, value: int = 255, into: np.ndarray | None = None
    ) -> np.ndarray:
        """Coverage of the open line through pixels [n, 2]."""
        cover = self.empty() if into is None else into
        cv2.polylines(cover, [fixed(points)], False, value, self.thickness(width), cv2.LINE_AA, _SHIFT)
        return cover

    def soften(self, cover: np.ndarray, width: float) -> np.ndarray:
        """`cover` blurred by a Gaussian of standard deviation `width`."""
        window = bounding_window(cover)
        if window is None:
            return cover
        deviation = max(width * self.unit, 0.3)
        margin = int(4 * deviation) + 1
        rows, columns = (slice(max(0, part.start - margin), part.stop + margin) for part in window)
        soft = np.zeros_like(cover)
        soft[rows, columns] = cv2.GaussianBlur(cover[rows, columns], (0, 0), deviation)
        return soft

    def blend(self, colour: np.ndarray, cover: np.ndarray, strength: float = 1.0) -> None:
        """Lay a colour [3], or a picture [S, S, 3], over the image where `cover` is."""
        window = bounding_window(cover)
        if window is None:
            return
        alpha = (cover[window] * np.float32(strength / 255))[..., None]
        source = colour[window] if colour.ndim == 3 else colour.astype(np.float32)
        self.image[window] += alpha * (source - self.image[window])

    def mark(self, cover: np.ndarray, label: int) -> None:
        """Give `label` to every pixel more than half covered."""
        self.labels[cover > 127] = label


def bounding_window(cover: np.ndarray) -> tuple[slice, slice] | None:
    """Rows and columns of the smallest box around what is not zero, None where all is zero."""
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(cover))
    return (slice(y, y + height), slice(x, x + width)) if width else None


def draw_strands(buffer: np.ndarray, lines: np.ndarray, colour: tuple[int, int, int], thickness: int) -> None:
    """Draw fixed-point polylines int32 [n, k, 2] into a uint8 [S, S, 3] buffer."""
    cv2.polylines(buffer, list(lines), False, colour, thickness, cv2.LINE_AA, _SHIFT)
