"""All reports of a run at once: the default one, or the paper's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from loho_bench.methods.protocol import Parser
from loho_bench.metrics.fid import Extractor
from loho_bench.progress import get_logger
from loho_bench.reports.content import FigureFile, Report, gather
from loho_bench.reports.figures.catalogue import FIGURES, NothingToShow
from loho_bench.reports.figures.style import save_png
from loho_bench.reports.outputs import Selection, report_outputs
from loho_bench.reports.page import write_page
from loho_bench.reports.run import Run, open_run
from loho_bench.reports.tables.fid_rows import read_fid, write_fid
from loho_bench.reports.tables.write import write_table_files
from loho_bench.settings.project import Settings
from loho_bench.storage import write_text


def write_reports(
    settings: Settings,
    out_dir: str | Path = "reports",
    *,
    paper: bool = False,
    root: str | Path = ".",
    extractor: Extractor | None = None,
    parser: Parser | None = None,
) -> None:
    """Write ``fid.csv``, the tables, the figures and ``index.html`` into ``out_dir``.

    Which files these are says :func:`~loho_bench.reports.outputs.report_outputs`. Features behind FID are
    kept in ``scores/features``: a second report over the same results computes none.

    Parameters
    ----------
    paper : bool
        Report on ``settings.reports.paper`` with the paper's figures, not on ``settings.reports.methods``.
    extractor, parser : optional
        Those that the settings name, where left out.

    Raises
    ------
    UserError
        A method of the report has no results or no scores.
    """
    run, selection = open_run(settings, root, parser), Selection.of(settings, paper)
    outputs = report_outputs(settings, out_dir, paper=paper)
    # FID takes longest: what is missing is said before it starts.
    for method in selection.everyone:
        run.scores(method)
        run.results(method)
    write_fid(run, selection.methods, outputs.fid, extractor=extractor)
    report = gather(run, selection, read_fid(outputs.fid))
    for table in report.tables.values():
        write_table_files(table, out_dir)
    report = replace(report, figures=write_figures(run, selection, out_dir))
    write_text(captions(report, out_dir), outputs.captions)
    write_page(report, outputs.page)


def write_figures(run: Run, selection: Selection, folder: str | Path) -> tuple[FigureFile, ...]:
    """Draw every figure of a report; one that the run has nothing to show in is left out with a remark."""
    drawn = []
    for spec in FIGURES:
        if not spec.belongs_to(selection):
            continue
        path = spec.path(folder, selection.paper)
        try:
            save_png(spec.draw(run, selection), path)
        except NothingToShow as reason:
            path.unlink(missing_ok=True)  # of an earlier run
            get_logger("reports").warning("%s is left out: %s", spec.title, reason)
        else:
            drawn.append(FigureFile(spec, path))
    return tuple(drawn)


def captions(report: Report, folder: str | Path) -> str:
    """Return all figures with their captions as Markdown, links relative to ``folder``."""
    return "\n".join(
        f"**{figure.spec.title}**\n\n![{figure.spec.title}]({figure.path.relative_to(folder).as_posix()})\n\n"
        f"{figure.spec.caption}\n"
        for figure in report.figures
    )
