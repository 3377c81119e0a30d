"""Everything that a report shows, worked out once for its files and its page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from loho_bench.reports.figures.catalogue import FigureSpec
from loho_bench.reports.leaderboard import Leaderboard, leaderboard
from loho_bench.reports.outputs import Selection
from loho_bench.reports.run import Run
from loho_bench.reports.tables.ablation import ablation_table
from loho_bench.reports.tables.editing import editing_table
from loho_bench.reports.tables.model import Table
from loho_bench.reports.tables.paired import paired_table
from loho_bench.reports.tables.scores import costs_table, scores_table
from loho_bench.reports.tables.table1 import table1
from loho_bench.reports.tables.table2 import table2
from loho_bench.reports.tables.table3 import table3


@dataclass(frozen=True)
class FigureFile:
    """A figure that was drawn, and its file (PNG)."""

    spec: FigureSpec
    path: Path


@dataclass(frozen=True, eq=False)
class Report:
    """The contents of one report.

    Attributes
    ----------
    run : Run
    selection : Selection
        The methods it is about.
    fid_rows : DataFrame
        Rows of ``fid.csv``.
    tables : dict of str to Table
        By name, in the order of ``selection.tables``.
    leaderboard : Leaderboard
    figures : tuple of FigureFile
        Those that could be drawn.
    """

    run: Run
    selection: Selection
    fid_rows: pd.DataFrame
    tables: dict[str, Table]
    leaderboard: Leaderboard
    figures: tuple[FigureFile, ...] = ()


def gather(run: Run, selection: Selection, fid_rows: pd.DataFrame) -> Report:
    """Summarise a run whose FID has been computed.

    Raises
    ------
    UserError
        A method has no results or no scores.
    """
    makers: dict[str, Callable[[], Table]] = {
        "table1": lambda: table1(run),
        "table2": lambda: table2(run, fid_rows, selection.methods),
        "table3": lambda: table3(run, selection.reconstruction),
        "scores": lambda: scores_table(run, selection.methods),
        "paired": lambda: paired_table(run, selection.methods),
        "editing": lambda: editing_table(run, selection.editing),
        "ablation": lambda: ablation_table(run, selection.ablation),
        "costs": lambda: costs_table(run, selection.methods),
    }
    return Report(
        run=run,
        selection=selection,
        fid_rows=fid_rows,
        tables={name: makers[name]() for name in selection.tables},
        leaderboard=leaderboard(run, fid_rows, selection.methods),
    )
