"""``loho-bench tuples``: census of the eligible pairs and a draw of tuples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli import layout
from loho_bench.cli.options import AnnotationsOption, CoresOption, SettingsOption, ThreadsOption
from loho_bench.cli.threads import configure_threads


def tuples(
    annotations: AnnotationsOption = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for tuples.csv, the other tables of tuples, and the census.")
    ] = layout.TUPLES,
    settings: SettingsOption = None,
    threads: ThreadsOption = 1,
    cores: CoresOption = None,
) -> None:
    """Count the pairs that Table 1 admits, and draw tuples of every category."""
    count = configure_threads(threads, cores)
    from loho_bench.curation.tuples import write_tuples
    from loho_bench.settings.loading import load_settings

    write_tuples(annotations or layout.annotation_tables(), load_settings(settings), out, count)
