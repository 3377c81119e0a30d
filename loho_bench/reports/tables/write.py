"""One table, three files."""

from __future__ import annotations

from pathlib import Path

from loho_bench.reports.tables.latex import to_latex
from loho_bench.reports.tables.markdown import to_markdown
from loho_bench.reports.tables.model import Table
from loho_bench.storage import write_table, write_text


def write_table_files(table: Table, folder: str | Path) -> None:
    """Write ``NAME.csv`` for programs, ``NAME.md`` for repositories and ``NAME.tex`` for papers."""
    path = Path(folder) / table.name
    write_table(table.data, path.with_suffix(".csv"))
    write_text(to_markdown(table), path.with_suffix(".md"))
    write_text(to_latex(table), path.with_suffix(".tex"))
