"""Figure 9: where portraits are misaligned, hair is misplaced."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from loho_bench.reports.figures.catalogue import FigureSpec, NothingToShow
from loho_bench.reports.figures.pictures import by_value, finished, result, score_of, side_by_side
from loho_bench.reports.figures.sheet import Cell, draw_sheet
from loho_bench.reports.figures.style import Theme
from loho_bench.reports.outputs import Selection
from loho_bench.reports.run import CATEGORIES, Run


def draw(run: Run, spec: FigureSpec, selection: Selection, theme: Theme) -> Figure:
    """Draw the lowest hair IoU of the hardest category in which the method finished any tuple."""
    (method,) = spec.needs
    score = score_of(run, "hair_iou", "structure")
    found = (finished(run, spec.needs, category) for category in reversed(CATEGORIES))
    hardest = next((tuples for tuples in found if len(tuples)), None)
    if hardest is None:
        raise NothingToShow(f"{run.label(method)} finished no tuple")
    values = run.values(method, score)

    def cell(run: Run, method: str, row: pd.Series) -> Cell:
        return replace(result(run, method, row), note=f"hair IoU {values[row['tuple_id']]:.2f}")

    tuples = by_value(run, method, score, hardest, largest=False).head(spec.count)
    return draw_sheet(side_by_side(run, tuples, spec.needs, cell), theme)
