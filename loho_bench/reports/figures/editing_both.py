"""Figure 8: several attributes of the hair edited together."""

from __future__ import annotations

from matplotlib.figure import Figure

from loho_bench.reports.figures.catalogue import FigureSpec
from loho_bench.reports.figures.pictures import finished, side_by_side
from loho_bench.reports.figures.sheet import draw_sheet
from loho_bench.reports.figures.style import Theme
from loho_bench.reports.outputs import Selection
from loho_bench.reports.run import Run


def draw(run: Run, spec: FigureSpec, selection: Selection, theme: Theme) -> Figure:
    """Draw the first tuples in which structure and appearance are edited."""
    tuples = finished(run, spec.needs, "editing-both").head(spec.count)
    return draw_sheet(side_by_side(run, tuples, spec.needs, label=lambda row: "Both edited"), theme)
