"""Figure 4: hair shape with and without gradient orthogonalization, as pictures and masks."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from loho_bench.metrics.scores import Score
from loho_bench.metrics.scoring_inputs import parse_masks
from loho_bench.networks.graphonomy import HAIR
from loho_bench.reports.figures.catalogue import FigureSpec, NothingToShow
from loho_bench.reports.figures.pictures import INPUTS, finished, portrait, result, score_of
from loho_bench.reports.figures.sheet import Cell, Column, Picture, Row, Sheet, draw_sheet
from loho_bench.reports.figures.style import Theme
from loho_bench.reports.outputs import Selection
from loho_bench.reports.run import CATEGORIES, Run


def draw(run: Run, spec: FigureSpec, selection: Selection, theme: Theme) -> Figure:
    """Draw, of each category, the tuple whose gain in hair IoU is the median of its category."""
    without, with_go = spec.needs
    score = score_of(run, "hair_iou", "structure")
    gains = (run.values(with_go, score) - run.values(without, score)).dropna()
    chosen = [_median(finished(run, spec.needs, category), gains) for category in CATEGORIES]
    tuples = [row for row in chosen if row is not None]
    if not tuples:
        raise NothingToShow("no tuple was finished with and without orthogonalization")
    columns = (
        *(Column(role, INPUTS) for role in ("identity", "appearance", "structure")),
        Column("its hair", INPUTS),
        *(
            Column(heading, run.label(method))
            for method in spec.needs
            for heading in ("result", "its hair, parsed")
        ),
    )
    return draw_sheet(Sheet(columns, tuple(_row(run, spec, score, row) for row in tuples)), theme)


def _median(tuples: pd.DataFrame, gains: pd.Series) -> pd.Series | None:
    """The tuple in the middle by its gain, the lower of two; None where none has one."""
    known = tuples[tuples["tuple_id"].isin(gains.index)]
    if known.empty:
        return None
    order = known["tuple_id"].map(gains).sort_values(kind="stable").index
    return known.loc[order[(len(order) - 1) // 2]]


def _row(run: Run, spec: FigureSpec, score: Score, row: pd.Series) -> Row:
    cells = [portrait(run, row, role) for role in ("identity", "appearance", "structure")]
    cells.append(_mask(run.inputs.mask(row["structure"], "hair")))
    for method in spec.needs:
        shown = result(run, method, row)
        hair = parse_masks(run.parser, shown.pictures[0].image)[HAIR]
        iou = run.values(method, score)[row["tuple_id"]]
        cells += [shown, _mask(hair, f"IoU {iou:.3f}")]
    return Row(row["category"].capitalize(), row["tuple_id"], tuple(cells))


def _mask(mask: np.ndarray, note: str = "") -> Cell:
    return Cell((Picture(np.where(mask[..., None], np.uint8(235), np.uint8((30, 30, 30)))),), note)
