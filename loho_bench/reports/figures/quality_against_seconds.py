"""What quality costs: distance to the true answer and hair IoU of every method against its seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from loho_bench.methods.registry import Role
from loho_bench.metrics.scores import Score
from loho_bench.metrics.statistics import Interval
from loho_bench.reports.figures.catalogue import FigureSpec, NothingToShow
from loho_bench.reports.figures.labels import place_labels
from loho_bench.reports.figures.style import LIGHT, Theme, new_figure, quiet_axes
from loho_bench.reports.outputs import Selection
from loho_bench.reports.run import Run
from loho_bench.reports.tables.ablation import score_against

SECONDS = score_against("seconds", "")
QUALITIES = (score_against("lpips", "true answer"), score_against("hair_iou", "structure"))
MARKERS: dict[Role, str] = {"method": "o", "floor": "v", "ceiling": "^"}


@dataclass(frozen=True)
class Point:
    """A method in one panel; ``position`` is its place in the report, which its colour comes from."""

    label: str
    role: Role
    position: int
    seconds: Interval
    quality: Interval


@dataclass(frozen=True)
class Points:
    """The points of every panel that has some, methods whose seconds nobody measured, and what was run on."""

    panels: dict[Score, list[Point]]
    without_seconds: tuple[str, ...]
    conditions: str


def draw(run: Run, spec: FigureSpec, selection: Selection, theme: Theme) -> Figure:
    """Draw all methods of the report."""
    points = read_points(run, selection.methods)
    if not points.panels:
        raise NothingToShow("no method has both seconds and quality")
    return draw_points(points, theme)


def read_points(run: Run, methods: Sequence[str]) -> Points:
    """Look up means and intervals over the transfers; photographs have no distance to a true answer."""
    timed = [method for method in methods if run.summary(method, SECONDS).n]
    panels = {
        score: [
            Point(run.label(m), run.spec(m).role, methods.index(m), run.summary(m, SECONDS), quality)
            for m in timed
            if (quality := run.summary(m, score)).n
        ]
        for score in QUALITIES
    }
    counts = sorted({point.quality.n for points in panels.values() for point in points})
    number = " to ".join(str(n) for n in dict.fromkeys((counts[0], counts[-1]))) if counts else "0"
    machine, precision = (run.provenance(timed, column) for column in ("device", "precision"))
    return Points(
        {score: points for score, points in panels.items() if points},
        tuple(run.label(method) for method in methods if method not in timed),
        f"n = {number} tuples   |   {machine}   |   {precision}",
    )


def draw_points(points: Points, theme: Theme = LIGHT) -> Figure:
    """Return a panel a quality, methods with their names beside them, over a common logarithmic axis."""
    count = len(points.panels)
    figure = new_figure(5.5 * count, 4.1, theme)
    panels = figure.subplots(1, count, sharex=True, squeeze=False)[0]
    figure.subplots_adjust(left=0.1 / count, right=0.99, top=0.92, bottom=0.18, wspace=0.12)
    for axes, (score, shown) in zip(panels, points.panels.items(), strict=True):
        _draw_panel(axes, score, shown, theme)
    figure.draw_without_rendering()  # settles the limits, which the panels share: labels are placed in pixels
    for axes, shown in zip(panels, points.panels.values(), strict=True):
        place_labels(
            axes,
            [point.label for point in shown],
            [(point.seconds.value, point.quality.value) for point in shown],
            [(point.quality.low, point.quality.high) for point in shown],
            [_colour(point, theme) for point in shown],
        )
    note = points.conditions
    if points.without_seconds:
        note += f"   |   seconds not recorded: {', '.join(points.without_seconds)}"
    figure.text(0.985, 0.03, note, ha="right", fontsize=7, color=theme.muted)
    return figure


def _draw_panel(axes: Axes, score: Score, points: Sequence[Point], theme: Theme) -> None:
    quiet_axes(axes, theme)
    better = "higher" if score.metric.higher_is_better else "lower"
    title = f"{score.label}, {score.against} ({better} is better)"
    axes.set_title(title, fontsize=10, loc="left", color=theme.ink)
    axes.set_xscale("log")
    axes.set_xlabel("seconds per tuple", fontsize=8)
    for point in points:
        colour = _colour(point, theme)
        x, y = point.seconds, point.quality
        bars = {"color": colour, "linewidth": 1.4, "solid_capstyle": "butt"}
        axes.plot([x.value, x.value], [y.low, y.high], **bars)
        axes.plot([x.low, x.high], [y.value, y.value], **bars)
        filled = colour if point.role == "method" else theme.paper
        axes.plot(
            x.value, y.value, MARKERS[point.role],
            color=filled, markeredgecolor=colour, markeredgewidth=1.4, ms=6.5,
        )  # fmt: skip
    # Room for labels: names stand beside points, and the outermost points have neighbours outside.
    axes.margins(x=0.36, y=0.12)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(color=theme.rule, linewidth=0.5)
    axes.set_axisbelow(True)


def _colour(point: Point, theme: Theme) -> str:
    """Floor and ceiling are no competitors, and grey."""
    return theme.colour(point.position) if point.role == "method" else theme.muted
