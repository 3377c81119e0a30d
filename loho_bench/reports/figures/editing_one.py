"""Figure 7: one attribute of the hair edited, the others left as they are."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from loho_bench.reports.figures.catalogue import FigureSpec, NothingToShow
from loho_bench.reports.figures.pictures import answer_columns, answers, finished, portrait, result
from loho_bench.reports.figures.sheet import Cell, Column, Row, Sheet, draw_sheet
from loho_bench.reports.figures.style import Theme
from loho_bench.reports.outputs import Selection
from loho_bench.reports.run import Run

HALVES = (("editing-appearance", "appearance"), ("editing-shape", "structure"))
"""Category of the tuples on the left and on the right, and the role that gives the reference."""


def draw(run: Run, spec: FigureSpec, selection: Selection, theme: Theme) -> Figure:
    """Draw edits of appearance on the left and of shape on the right, the n-th of each beside another."""
    (method,) = spec.needs
    halves = [finished(run, spec.needs, category).head(spec.count) for category, _ in HALVES]
    count = min(map(len, halves))
    if not count:
        raise NothingToShow(f"{run.label(method)} finished no edit of one attribute")
    columns = tuple(
        column
        for _, role in HALVES
        for column in (
            Column("identity", f"{role} edited"),
            Column(f"{role} of", f"{role} edited"),
            Column(run.label(method), f"{role} edited"),
            *answer_columns(run, f"{role} edited"),
        )
    )
    rows = tuple(
        Row(
            "",
            str(number + 1),
            tuple(
                cell
                for half, (_, role) in zip(halves, HALVES, strict=True)
                for cell in _cells(run, method, half.iloc[number], role)
            ),
        )
        for number in range(count)
    )
    return draw_sheet(Sheet(columns, rows), theme)


def _cells(run: Run, method: str, row: pd.Series, role: str) -> tuple[Cell, ...]:
    return (
        portrait(run, row, "identity"),
        portrait(run, row, role),
        result(run, method, row),
        *answers(run, row),
    )
