"""Transfers side by side with their three inputs and the true answer, of every method."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from loho_bench.methods.inputs import ROLES
from loho_bench.reports.figures.catalogue import FigureSpec, NothingToShow
from loho_bench.reports.figures.pictures import (
    INPUTS,
    RESULTS,
    answer_columns,
    answers,
    portrait,
    result,
)
from loho_bench.reports.figures.sheet import Column, Row, Sheet, draw_sheet
from loho_bench.reports.figures.style import Theme
from loho_bench.reports.outputs import Selection
from loho_bench.reports.run import CATEGORIES, Run


def draw(run: Run, spec: FigureSpec, selection: Selection, theme: Theme) -> Figure:
    """Draw the first tuples of each category; what a method failed at is shown as failed."""
    # The true answer has its place already.
    methods = [method for method in selection.methods if run.spec(method).role != "ceiling"]
    tuples = pd.concat([run.of_category(category).head(spec.count) for category in CATEGORIES])
    if tuples.empty:
        raise NothingToShow("no tuple was drawn")
    columns = (
        *(Column(role, INPUTS) for role in ROLES),
        *answer_columns(run),
        *(Column(run.label(method), RESULTS) for method in methods),
    )
    rows = tuple(
        Row(
            row["category"].capitalize(),
            row["tuple_id"],
            (
                *(portrait(run, row, role) for role in ROLES),
                *answers(run, row),
                *(result(run, method, row) for method in methods),
            ),
        )
        for _, row in tuples.iterrows()
    )
    return draw_sheet(Sheet(columns, rows), theme)
