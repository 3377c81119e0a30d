"""The hair IoU of every tuple and method, with means and their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from loho_bench.reports.figures.catalogue import FigureSpec, NothingToShow
from loho_bench.reports.figures.style import LIGHT, Theme, new_figure, quiet_axes
from loho_bench.reports.outputs import Selection
from loho_bench.reports.paper import paper_value
from loho_bench.reports.run import CATEGORIES, Run
from loho_bench.reports.tables.ablation import SECTION, UNBLENDED, score_against

MARKERS = dict(zip(CATEGORIES, ("o", "s", "^"), strict=True))


def draw(run: Run, spec: FigureSpec, selection: Selection, theme: Theme) -> Figure:
    """Draw the ablated methods."""
    score = score_against("hair_iou", UNBLENDED)
    if not any(run.summary(method, score).n for method in selection.ablation):
        raise NothingToShow("no tuple of the ablation has a hair IoU")
    return draw_hair_iou(run, selection.ablation, theme)


def draw_hair_iou(run: Run, methods: Sequence[str], theme: Theme = LIGHT) -> Figure:
    """Return a strip a method: a mark a tuple, shaped by category; mean, interval and the paper's number."""
    figure = new_figure(9.0, 0.9 + 0.55 * len(methods), theme)
    axes = figure.subplots()
    quiet_axes(axes, theme)
    score = score_against("hair_iou", UNBLENDED)
    for position, method in enumerate(methods):
        colour = theme.colour(position)
        for category, marker in MARKERS.items():
            values = run.values(method, score, category).dropna()
            # A fixed spread, in the order of the tuples, keeps marks apart without drawing random numbers.
            offsets = np.linspace(-0.17, 0.17, len(values)) if len(values) > 1 else np.zeros(len(values))
            style = {"s": 13, "alpha": 0.4, "linewidths": 0, "color": colour, "marker": marker}
            axes.scatter(values, position + offsets, **style)
        mean = run.summary(method, score)
        axes.plot([mean.low, mean.high], [position] * 2, color=colour, linewidth=3, solid_capstyle="butt")
        axes.plot(
            mean.value, position, "o", color=theme.paper, markeredgecolor=colour, markeredgewidth=1.8, ms=7
        )
        paper = paper_value(SECTION, score.metric.name, method)
        if paper and paper.value is not None:
            axes.plot(paper.value, position, marker="|", ms=20, color=theme.muted, markeredgewidth=1.2)
    axes.set_yticks(
        range(len(methods)), [run.label(method) for method in methods], color=theme.ink, fontsize=9
    )
    axes.set_ylim(len(methods) - 0.45, -0.55)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("IoU of the structure's hair mask and the result's", fontsize=8)
    axes.grid(axis="x", color=theme.rule, linewidth=0.5)
    axes.set_axisbelow(True)
    figure.text(
        0.985, 0.03, "●  easy   ■  medium   ▲  difficult   |  the paper's number, on FFHQ",
        ha="right", fontsize=7, color=theme.muted,
    )  # fmt: skip
    height = figure.get_size_inches()[1]
    figure.subplots_adjust(left=0.17, right=0.985, top=1 - 0.1 / height, bottom=0.58 / height)
    return figure
