"""Names beside points so that they cover neither one another nor the points and their bars."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

_MARK = 5.0  # half the width of a point, in typographic points
_PLACES = tuple(
    (dx, dy, ha, va)
    for reach in (8, 16, 26)
    for dx, dy, ha, va in (
        (reach, 0, "left", "center"),
        (-reach, 0, "right", "center"),
        (reach, reach, "left", "bottom"),
        (reach, -reach, "left", "top"),
        (-reach, reach, "right", "bottom"),
        (-reach, -reach, "right", "top"),
        (0, reach, "center", "bottom"),
        (0, -reach, "center", "top"),
    )
)
"""Offsets and alignments of a label in the order in which they are liked."""


def place_labels(
    axes: Axes,
    names: Sequence[str],
    points: Sequence[tuple[float, float]],
    bars: Sequence[tuple[float, float]],
    colours: Sequence[str],
    size: float = 8,
) -> list[Bbox]:
    """Write a name beside every point where it covers least, and return the boxes of the names in pixels.

    Parameters
    ----------
    axes : Axes
        In its final place and with its final limits.
    points : sequence of (x, y)
    bars : sequence of (low, high)
        Ends of the upright bar through each point, in the units of y; nan where there is none.
    colours : sequence of str
        Of the names.
    size : float
        Of the letters, in typographic points.
    """
    renderer = axes.figure.canvas.get_renderer()
    unit = renderer.points_to_pixels(1.0)
    taken = [_box(axes, x, y, y, unit) for x, y in points]
    taken += [
        _box(axes, x, low, high, 0.4 * unit)
        for (x, _), (low, high) in zip(points, bars, strict=True)
        if low < high
    ]
    axes_box, names_boxes = axes.get_window_extent(renderer), []
    for name, (x, y), colour in zip(names, points, colours, strict=True):
        tried = []
        for preference, (dx, dy, ha, va) in enumerate(_PLACES):
            text = axes.annotate(
                name, (x, y), (dx, dy), textcoords="offset points", ha=ha, va=va, fontsize=size, color=colour
            )
            box = text.get_window_extent(renderer)
            outside = box.width * box.height - _overlap(box, axes_box)
            covered = sum(_overlap(box.padded(1.5 * unit), other) for other in taken)
            tried.append((covered + outside, preference, text, box))
        best = min(tried)[1]
        for _, preference, text, _ in tried:
            if preference != best:
                text.remove()
        names_boxes.append(tried[best][3])
        taken.append(names_boxes[-1])
    return names_boxes


def _box(axes: Axes, x: float, low: float, high: float, unit: float) -> Bbox:
    """The box around an upright line, ``_MARK`` units wider on every side."""
    ends = axes.transData.transform([(x, low), (x, high)])
    return Bbox(ends).padded(_MARK * unit)


def _overlap(first: Bbox, second: Bbox) -> float:
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return max(width, 0.0) * max(height, 0.0)
