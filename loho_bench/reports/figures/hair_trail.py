"""Figure 10: where the identity's own hair is left over, outlined."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from loho_bench.metrics.judging import Case, Judges
from loho_bench.metrics.scoring_inputs import load_result
from loho_bench.reports.figures.catalogue import FigureSpec
from loho_bench.reports.figures.pictures import by_value, finished, result_row, score_of, side_by_side
from loho_bench.reports.figures.sheet import Cell, Picture, draw_sheet
from loho_bench.reports.figures.style import Theme
from loho_bench.reports.outputs import Selection
from loho_bench.reports.run import CATEGORIES, Run


def draw(run: Run, spec: FigureSpec, selection: Selection, theme: Theme) -> Figure:
    """Draw the tuples with the largest hair trail, what is left over outlined."""
    (method,) = spec.needs
    score = score_of(run, "hair_trail", "true answer", "structure")
    values = run.values(method, score)

    def cell(run: Run, method: str, row: pd.Series) -> Cell:
        found = result_row(run, method, row["tuple_id"])
        image = load_result(run.root / found["portrait"])
        case = Case(found, run.inputs, Judges(run.parser, None), image)
        wanted = case.answer.hair if score.needs_answer else case.mask("structure", "hair")
        return Cell((Picture(image, case.trail(wanted)),), f"hair trail {values[row['tuple_id']]:.1%}")

    tuples = finished(run, spec.needs, *CATEGORIES)
    tuples = by_value(run, method, score, tuples, largest=True).head(spec.count)
    return draw_sheet(side_by_side(run, tuples, spec.needs, cell), theme)
