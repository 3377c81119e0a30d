"""``loho-bench report`` and ``loho-bench ablation``: tables, figures and the page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli import layout
from loho_bench.cli.options import CoresOption, SettingsOption, ThreadsOption
from loho_bench.cli.threads import configure_threads


def report(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder for the tables, the figures and the page.",
            show_default="reports, or reports/paper",
        ),
    ] = None,
    paper: Annotated[
        bool,
        typer.Option("--paper", help="Report on 'reports.paper', with Figures 3 to 10 of the paper."),
    ] = False,
    settings: SettingsOption = None,
    threads: ThreadsOption = 1,
    cores: CoresOption = None,
) -> None:
    """Write fid.csv, tables, figures and index.html from the scores, or all of the paper's."""
    configure_threads(threads, cores)
    from loho_bench.methods.configuration import load_checked_settings
    from loho_bench.reports.write import write_reports

    out = out or (layout.PAPER if paper else layout.REPORTS)
    write_reports(load_checked_settings(settings), out, paper=paper)


def ablation(
    out: Annotated[Path, typer.Option("--out", help="Table to write.")] = layout.REPORTS / "ablation.csv",
    settings: SettingsOption = None,
) -> None:
    """Compare the hair structure kept with and without gradient orthogonalization (section 4.3)."""
    from loho_bench.methods.configuration import load_checked_settings
    from loho_bench.reports.tables.ablation import write_ablation

    write_ablation(load_checked_settings(settings), out)
