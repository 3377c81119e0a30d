"""``loho-bench tuples``: census of the eligible pairs and a draw of tuples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli import layout
from loho_bench.cli.options import AnnotationsOption, SettingsOption


def tuples(
    annotations: AnnotationsOption = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for tuples.csv, reconstruction.csv and census.csv.")
    ] = layout.TUPLES,
    settings: SettingsOption = None,
) -> None:
    """Count the pairs that Table 1 admits, and draw tuples of every category."""
    from loho_bench.curation.tuples import write_tuples
    from loho_bench.settings.loading import load_settings

    write_tuples(annotations or layout.annotation_tables(), load_settings(settings), out)
