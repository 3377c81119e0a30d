"""A sheet of pictures: every pixel of a result is drawn as a whole number of pixels, never blurred."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image
from scipy import ndimage

from loho_bench.reports.figures.style import DPI, LIGHT, Theme, new_figure

CELL = 256  # pixels, as all that follow
GAP, GROUP_GAP, LEFT, TOP, MARGIN = 8, 30, 84, 96, 20
NOTE = 34
_RULE_Y, _LINE = 40, 20  # where the line under a group's name is; letters of a heading
_OUTLINE = "#00b7ff"


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture, uint8 ``[S, S, 3]``, or None where a method failed.

    The edge of ``outline``, bool ``[S, S]``, is marked.
    """

    image: np.ndarray | None
    outline: np.ndarray | None = None


@dataclass(frozen=True)
class Column:
    """A column; columns of one ``group`` stand together. Narrow ones hold two pictures a cell."""

    heading: str
    group: str = ""
    narrow: bool = False

    @property
    def width(self) -> int:
        """In pixels."""
        return CELL // 2 if self.narrow else CELL


@dataclass(frozen=True, eq=False)
class Cell:
    """What stands in one place: a picture, or two above one another, and a few words below."""

    pictures: tuple[Picture, ...]
    note: str = ""


@dataclass(frozen=True, eq=False)
class Row:
    """A row of cells; rows of one ``label`` stand together."""

    label: str
    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, eq=False)
class Sheet:
    """Columns, and rows with a cell for each of them."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def lefts(self) -> list[int]:
        """Left edge of every column."""
        return _places([(column.group, column.width) for column in self.columns], LEFT)

    @property
    def tops(self) -> list[int]:
        """Upper edge of every row's pictures."""
        noted = any(cell.note for row in self.rows for cell in row.cells)
        return _places([(row.label, CELL + NOTE * noted) for row in self.rows], TOP)


def draw_sheet(sheet: Sheet, theme: Theme = LIGHT) -> Figure:
    """Return the sheet as a figure of ``DPI``, at which its pictures are whole pixels in their places."""
    lefts, tops = sheet.lefts, sheet.tops
    noted = any(cell.note for row in sheet.rows for cell in row.cells)
    width = lefts[-1] + sheet.columns[-1].width + MARGIN
    height = tops[-1] + CELL + NOTE * noted + MARGIN
    figure = new_figure(width / DPI, height / DPI, theme)
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = _colour(theme.paper)

    def put(x: float, y: float, text: str, **style: object) -> None:
        figure.text(x / width, 1 - y / height, text, **{"ha": "center", "color": theme.ink, **style})

    for column, left in zip(sheet.columns, lefts, strict=True):
        letters = _LINE // (2 if column.narrow else 1)
        heading = textwrap.fill(column.heading, letters, break_long_words=False)
        put(left + column.width / 2, TOP - 12, heading, va="baseline", fontsize=7, linespacing=1.1)
    for group, first, last in _runs([column.group for column in sheet.columns]):
        ends = lefts[first], lefts[last] + sheet.columns[last].width
        if group:
            put(sum(ends) / 2, 14, group.upper(), va="top", fontsize=5.5, color=theme.muted)
            y = 1 - _RULE_Y / height
            figure.add_artist(Line2D([x / width for x in ends], [y, y], color=theme.rule, linewidth=0.6))
    for label, first, last in _runs([row.label for row in sheet.rows]):
        put(20, (tops[first] + tops[last] + CELL) / 2, label, rotation=90, va="center", fontsize=9)
    for row, top in zip(sheet.rows, tops, strict=True):
        put(58, top + CELL / 2, row.name, rotation=90, va="center", fontsize=5.5, color=theme.muted)
        for column, cell, left in zip(sheet.columns, row.cells, lefts, strict=True):
            for i, picture in enumerate(cell.pictures):
                y = top + i * column.width
                canvas[y : y + column.width, left : left + column.width] = _fitted(
                    picture, column.width, theme
                )
                if picture.image is None:
                    middle = left + column.width / 2, y + column.width / 2
                    put(*middle, "failed", va="center", fontsize=7, color=theme.muted)
            put(left + column.width / 2, top + CELL + 8, cell.note, va="top", fontsize=6, color=theme.muted)
    figure.figimage(canvas, zorder=-1)
    return figure


def fit(image: np.ndarray, side: int) -> np.ndarray:
    """Return an image at ``side`` pixels: its pixels repeated where that is possible, else resampled."""
    if side % len(image) == 0:
        factor = side // len(image)
        return image.repeat(factor, axis=0).repeat(factor, axis=1)
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS))


def _fitted(picture: Picture, side: int, theme: Theme) -> np.ndarray:
    if picture.image is None:
        box = np.empty((side, side, 3), np.uint8)
        box[:] = _colour(theme.rule)
        box[2:-2, 2:-2] = _colour(theme.paper)
        return box
    image = fit(picture.image, side)
    if picture.outline is None:
        return image
    marked = np.asarray(Image.fromarray(picture.outline).resize((side, side), Image.Resampling.NEAREST))
    line = ndimage.binary_dilation(marked, iterations=3) & ~ndimage.binary_dilation(marked, iterations=1)
    return np.where(line[..., None], np.uint8(_colour(_OUTLINE)), image)


def _colour(name: str) -> list[int]:
    return [round(255 * channel) for channel in to_rgb(name)]


def _places(parts: Sequence[tuple[str, int]], start: int) -> list[int]:
    """Where parts of these (group, size) begin, groups further apart than their members."""
    places, place, before = [], start, None
    for group, size in parts:
        place += GROUP_GAP - GAP if before not in (None, group) else 0
        places.append(place)
        place, before = place + size + GAP, group
    return places


def _runs(names: Sequence[str]) -> list[tuple[str, int, int]]:
    """Neighbours of one name, as (name, first, last)."""
    found, start = [], 0
    for name, members in groupby(names):
        count = len(list(members))
        found.append((name, start, start + count - 1))
        start += count
    return found
