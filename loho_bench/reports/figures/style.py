"""How figures look: two themes, colours by position, and a file that has the same bytes every time."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from loho_bench.storage import atomic_path

DPI = 200


@dataclass(frozen=True)
class Theme:
    """Colours of a figure. ``series`` are told apart by people with the usual colour deficiencies too."""

    paper: str
    ink: str
    muted: str
    rule: str
    series: tuple[str, ...]

    def colour(self, position: int) -> str:
        """Colour of the method at ``position`` in the settings."""
        return self.series[position % len(self.series)]


LIGHT = Theme(
    paper="#ffffff",
    ink="#1c1c1a",
    muted="#6f6e69",
    rule="#d9d8d3",
    series=("#1f5a8c", "#c4541b", "#2e8b74", "#8a5a9e", "#a08014", "#5b6770"),
)
DARK = Theme(
    paper="#1a1a19",
    ink="#ecebe6",
    muted="#9d9c95",
    rule="#3d3c39",
    series=("#7db8e8", "#f0935a", "#6cc9af", "#c79bd9", "#d8bb56", "#a9b4bc"),
)


def new_figure(width: float, height: float, theme: Theme) -> Figure:
    """Return an empty figure of so many inches that needs no global state of pyplot."""
    figure = Figure(figsize=(width, height), facecolor=theme.paper)
    FigureCanvasAgg(figure)
    return figure


def quiet_axes(axes: Axes, theme: Theme) -> None:
    """Leave of an axes only what is read: two thin spines, muted ticks, no box."""
    axes.set_facecolor(theme.paper)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.rule)
    axes.tick_params(colors=theme.muted, labelsize=8, length=3, color=theme.rule)
    axes.xaxis.label.set_color(theme.muted)
    axes.yaxis.label.set_color(theme.muted)
    axes.title.set_color(theme.ink)


def png_bytes(figure: Figure, dpi: int = DPI) -> bytes:
    """Return the figure as PNG without date or program version, so that equal figures are equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(
        buffer, format="png", dpi=dpi, facecolor=figure.get_facecolor(), metadata={"Software": None}
    )
    return buffer.getvalue()


def save_png(figure: Figure, path: str | Path, dpi: int = DPI) -> None:
    """Write the figure atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(png_bytes(figure, dpi))
