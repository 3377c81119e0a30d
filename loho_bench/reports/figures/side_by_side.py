"""Figures 3 and 6: the same tuples by several methods."""

from __future__ import annotations

from matplotlib.figure import Figure

from loho_bench.reports.figures.catalogue import FigureSpec
from loho_bench.reports.figures.pictures import first_of_each_category, side_by_side
from loho_bench.reports.figures.sheet import draw_sheet
from loho_bench.reports.figures.style import Theme
from loho_bench.reports.outputs import Selection
from loho_bench.reports.run import Run


def draw(run: Run, spec: FigureSpec, selection: Selection, theme: Theme) -> Figure:
    """Draw the first tuples of each category that all methods of the figure finished."""
    tuples = first_of_each_category(run, spec.needs, spec.count)
    return draw_sheet(side_by_side(run, tuples, spec.needs), theme)
