"""Everything that a report shows, worked out once for its files and its page."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from loho_bench.reports.ablation import ablation_table
from loho_bench.reports.figures_traces import Curves, read_curves
from loho_bench.reports.formats import Table
from loho_bench.reports.paper_tables import table1, table2, table3
from loho_bench.reports.run import Run
from loho_bench.reports.score_table import costs_table, scores_table
from loho_bench.reports.transfer_grid import TransferGrid, transfer_grid


@dataclass(frozen=True, eq=False)
class Report:
    """The contents of one report.

    Attributes
    ----------
    run : Run
    fid_rows : DataFrame
        Rows of ``fid.csv``.
    paper : tuple of Table
        Tables 1 and 2, and 3 where reconstructions are reported.
    scores, costs : Table
    ablated : tuple of str
        Methods of the ablation that this report shows; the ablation's table and figures are about them.
    ablation : Table or None
        None where there are none.
    grid : TransferGrid
    curves : Curves
    """

    run: Run
    fid_rows: pd.DataFrame
    paper: tuple[Table, ...]
    scores: Table
    costs: Table
    ablated: tuple[str, ...]
    ablation: Table | None
    grid: TransferGrid
    curves: Curves


def gather(run: Run, fid_rows: pd.DataFrame) -> Report:
    """Summarise a run whose FID has been computed.

    Raises
    ------
    UserError
        A method of ``settings.reports`` has no results or no scores.
    """
    reports = run.settings.reports
    paper = [table1(run), table2(run, fid_rows)]
    if reports.reconstruction:
        paper.append(table3(run))
    # Only what the settings name: scores of other methods may lie there from an earlier run.
    shown = {*reports.methods, *reports.reconstruction}
    ablated = tuple(method for method in reports.ablation if method in shown)
    return Report(
        run=run,
        fid_rows=fid_rows,
        paper=tuple(paper),
        scores=scores_table(run, reports.methods),
        costs=costs_table(run, reports.methods),
        ablated=ablated,
        ablation=ablation_table(run, ablated) if ablated else None,
        grid=transfer_grid(run, reports.methods),
        curves=read_curves(run, ablated),
    )
