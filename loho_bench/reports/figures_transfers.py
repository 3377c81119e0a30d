"""``figures/transfers.png``: transfers side by side with their three inputs and the true answer."""

from __future__ import annotations

import textwrap
from itertools import groupby

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from loho_bench.reports.figure_style import LIGHT, Theme, new_figure
from loho_bench.reports.transfer_grid import TransferGrid

DPI = 200
CELL, GAP, GROUP_GAP, LEFT, TOP, RULE_Y, MARGIN = 192, 6, 22, 74, 92, 38, 16  # pixels
LINE = 16  # letters of a heading


def draw_transfers(grid: TransferGrid, theme: Theme = LIGHT) -> Figure:
    """Return the figure; save it with ``dpi=DPI``, at which its cells are whole pixels."""
    lefts = _column_lefts(grid)
    tops = _row_tops(grid)
    width = lefts[-1] + CELL + MARGIN
    height = tops[-1] + CELL + MARGIN
    figure = new_figure(width / DPI, height / DPI, theme)

    def put_text(x: float, y: float, text: str, **style: object) -> None:
        figure.text(x / width, 1 - y / height, text, **style)

    for heading, left in zip(grid.headings, lefts, strict=True):
        style = {"ha": "center", "va": "baseline", "fontsize": 7, "color": theme.ink, "linespacing": 1.1}
        put_text(left + CELL / 2, TOP - 14, textwrap.fill(heading, LINE), **style)
    start = 0
    for name, count in grid.groups:
        first, last = lefts[start], lefts[start + count - 1] + CELL
        put_text((first + last) / 2, 14, name.upper(), ha="center", va="top", fontsize=5.5, color=theme.muted)
        _rule(figure, first / width, last / width, 1 - RULE_Y / height, theme)
        start += count
    position = 0
    for category, members in groupby(grid.rows, key=lambda row: row[0]):
        count = len(list(members))
        middle = (tops[position] + tops[position + count - 1] + CELL) / 2
        put_text(
            18,
            middle,
            category.capitalize(),
            rotation=90,
            ha="center",
            va="center",
            fontsize=9,
            color=theme.ink,
        )
        position += count
    for (_, tuple_id, pictures), top in zip(grid.rows, tops, strict=True):
        label = {"rotation": 90, "ha": "center", "va": "center", "fontsize": 5.5, "color": theme.muted}
        put_text(54, top + CELL / 2, tuple_id, **label)
        for picture, left in zip(pictures, lefts, strict=True):
            axes = figure.add_axes((left / width, 1 - (top + CELL) / height, CELL / width, CELL / height))
            axes.set_axis_off()
            if picture.image is None:
                axes.set_axis_on()
                axes.set(xticks=[], yticks=[], facecolor=theme.paper)
                axes.spines[:].set_color(theme.rule)
                axes.text(0.5, 0.5, "failed", ha="center", va="center", fontsize=7, color=theme.muted)
            else:
                axes.imshow(picture.image, interpolation="lanczos", aspect="auto")
    return figure


def _rule(figure: Figure, left: float, right: float, y: float, theme: Theme) -> None:
    figure.add_artist(Line2D([left, right], [y, y], color=theme.rule, linewidth=0.6))


def _column_lefts(grid: TransferGrid) -> list[int]:
    lefts, x = [], LEFT
    for _, count in grid.groups:
        lefts += [x + i * (CELL + GAP) for i in range(count)]
        x = lefts[-1] + CELL + GROUP_GAP
    return lefts


def _row_tops(grid: TransferGrid) -> list[int]:
    tops, y, before = [], TOP, None
    for category, _, _ in grid.rows:
        y += 0 if before in (None, category) else GROUP_GAP - GAP
        tops.append(y)
        y, before = y + CELL + GAP, category
    return tops
