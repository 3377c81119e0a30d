"""All reports of a run at once."""

from __future__ import annotations

from pathlib import Path

from loho_bench.methods.protocol import Parser
from loho_bench.metrics.fid import Extractor
from loho_bench.reports.content import gather
from loho_bench.reports.fid_table import read_fid, write_fid
from loho_bench.reports.figure_style import save_png
from loho_bench.reports.figures_iou import draw_hair_iou
from loho_bench.reports.figures_traces import draw_curves
from loho_bench.reports.figures_transfers import DPI, draw_transfers
from loho_bench.reports.formats import write_table_files
from loho_bench.reports.page import write_page
from loho_bench.reports.run import open_run
from loho_bench.settings.project import Settings


def write_reports(
    settings: Settings,
    out_dir: str | Path = "reports",
    *,
    root: str | Path = ".",
    fid_csv: str | Path | None = None,
    extractor: Extractor | None = None,
    parser: Parser | None = None,
) -> None:
    """Write ``fid.csv``, the tables, the figures and ``index.html`` into ``out_dir``.

    Parameters
    ----------
    fid_csv : str or Path, optional
        A table of :func:`~loho_bench.reports.fid_table.write_fid` to use; computed where left out.
    extractor, parser : optional
        Those that the settings name, where left out.

    Raises
    ------
    UserError
        A method of ``settings.reports`` has no results or no scores.
    """
    out_dir, run = Path(out_dir), open_run(settings, root)
    # FID takes longest: what is missing is said before it starts.
    for method in (*settings.reports.methods, *settings.reports.reconstruction):
        run.scores(method)
    if fid_csv is None:
        fid_csv = out_dir / "fid.csv"
        write_fid(settings, fid_csv, root=root, extractor=extractor, parser=parser)
    report = gather(run, read_fid(fid_csv))
    for table in (*report.paper, report.scores, report.costs):
        write_table_files(table, out_dir)
    figures = out_dir / "figures"
    save_png(draw_transfers(report.grid), figures / "transfers.png", DPI)
    if report.ablated:
        save_png(draw_curves(report.curves), figures / "ablation_curves.png")
        save_png(draw_hair_iou(report.run, report.ablated), figures / "hair_iou.png")
    write_page(report, out_dir / "index.html")
