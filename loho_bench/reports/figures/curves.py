"""Figure 5: what gradient orthogonalization does while LOHO optimises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loho_bench.reports.figures.catalogue import FigureSpec, NothingToShow
from loho_bench.reports.figures.style import LIGHT, Theme, new_figure, quiet_axes
from loho_bench.reports.outputs import Selection
from loho_bench.reports.run import Run
from loho_bench.storage import read_table


@dataclass(frozen=True)
class Quantity:
    """A traced quantity and the panel that shows it."""

    column: str
    title: str


QUANTITIES = (
    Quantity("structure", "Hair structure loss $L_r$"),
    Quantity("hair_iou", "Hair IoU with the structure"),
    Quantity("gradient_dot", r"$g_R \cdot g_{AS}$ in stage 2"),
)
RESAMPLES = 400


@dataclass(frozen=True, eq=False)
class Curve:
    """Mean over ``n`` tuples of one traced quantity, ``[T]``, and the ends of its interval.

    ``position`` is the method's among those shown; it keeps its colour in every figure.
    """

    label: str
    position: int
    iterations: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: int


@dataclass(frozen=True, eq=False)
class Curves:
    """The curves of each quantity, and the iteration at which stage 2 starts, where there are two."""

    by_quantity: dict[Quantity, list[Curve]]
    stage_two: int | None


def draw(run: Run, spec: FigureSpec, selection: Selection, theme: Theme) -> Figure:
    """Draw the curves of the ablated methods."""
    curves = read_curves(run, selection.ablation)
    if not any(curves.by_quantity.values()):
        raise NothingToShow("no method of the ablation left traces")
    return draw_curves(curves, theme)


def read_curves(run: Run, methods: Sequence[str]) -> Curves:
    """Average the traces of the finished transfers; a method without a quantity has no curve of it."""
    by_quantity: dict[Quantity, list[Curve]] = {quantity: [] for quantity in QUANTITIES}
    stage_two = None
    for position, method in enumerate(methods):
        traces = _traces(run, method)
        stage_two = stage_two or next(filter(None, map(_stage_two, traces)), None)
        for quantity, curves in by_quantity.items():
            found = _curve(run, method, position, quantity, traces)
            curves += [] if found is None else [found]
    return Curves(by_quantity, stage_two)


def _traces(run: Run, method: str) -> list[pd.DataFrame]:
    rows = run.results(method)
    rows = rows[(rows["status"] == "ok") & rows["tuple_id"].isin(run.transfers["tuple_id"])]
    paths = rows["trace"].dropna() if "trace" in rows else []
    return [read_table(run.root / path) for path in paths]


def _stage_two(trace: pd.DataFrame) -> int | None:
    """First iteration with an appearance loss, where one comes after others without."""
    transferring = trace.loc[trace["appearance"].notna(), "step"] if "appearance" in trace else ()
    if len(transferring) and transferring.min() > trace["step"].min():
        return int(transferring.min())
    return None


def _curve(
    run: Run, method: str, position: int, quantity: Quantity, traces: Sequence[pd.DataFrame]
) -> Curve | None:
    """Average one quantity; the band is the percentile bootstrap interval of the mean, over tuples."""
    series = [trace.set_index("step")[quantity.column] for trace in traces if quantity.column in trace]
    table = pd.concat(series, axis=1).astype(float).dropna() if series else pd.DataFrame()
    if table.empty:
        return None
    values = table.to_numpy().T
    n = len(values)
    rng = np.random.default_rng(run.seed("curve", method, quantity.column))
    weights = rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n
    tail = (1 - run.settings.reports.confidence) / 2
    low, high = np.quantile(weights @ values, [tail, 1 - tail], axis=0)
    iterations = table.index.to_numpy()
    return Curve(run.label(method), position, iterations, values.mean(axis=0), low, high, n)


def draw_curves(curves: Curves, theme: Theme = LIGHT) -> Figure:
    """Return the panels side by side, a curve a method."""
    figure = new_figure(11.0, 3.3, theme)
    panels = figure.subplots(1, len(QUANTITIES))
    for axes, (quantity, found) in zip(panels, curves.by_quantity.items(), strict=True):
        quiet_axes(axes, theme)
        axes.set_title(quantity.title, fontsize=10, loc="left", color=theme.ink, y=1.07)
        axes.set_xlabel("iteration", fontsize=8)
        axes.margins(x=0.01)
        for curve in found:
            colour = theme.colour(curve.position)
            axes.plot(
                curve.iterations,
                curve.mean,
                color=colour,
                linewidth=1.6,
                label=f"{curve.label} (n = {curve.n})",
            )
            axes.fill_between(curve.iterations, curve.low, curve.high, color=colour, alpha=0.16, linewidth=0)
    structure, overlap, product = panels
    if curves.stage_two is not None:
        for axes, height, va in ((structure, 1, "top"), (overlap, 0.04, "bottom")):
            axes.axvline(curves.stage_two, color=theme.muted, linewidth=0.7, linestyle=(0, (4, 3)))
            place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "va": va}
            axes.annotate(
                "stage 2", (curves.stage_two, height), (4, -2), **place, fontsize=7, color=theme.muted
            )
    structure.set_ylim(bottom=0)
    product.axhline(0, color=theme.rule, linewidth=0.8, zorder=0)
    product.ticklabel_format(axis="y", scilimits=(-2, 3), useMathText=True)
    product.yaxis.get_offset_text().set(color=theme.muted, fontsize=8, ha="right")
    _add_legend(figure, structure, theme)
    figure.subplots_adjust(left=0.055, right=0.99, top=0.86, bottom=0.25, wspace=0.15)
    return figure


def _add_legend(figure: Figure, axes: Axes, theme: Theme) -> None:
    handles, labels = axes.get_legend_handles_labels()
    legend = figure.legend(
        handles, labels, loc="lower center", ncols=max(1, len(labels)), frameon=False, fontsize=8
    )
    for text in legend.get_texts():
        text.set_color(theme.ink)
