"""``loho-bench score METHOD``: tidy rows, one per tuple and metric."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli import layout
from loho_bench.cli.options import CoresOption, SettingsOption, ThreadsOption
from loho_bench.cli.threads import configure_threads


def score(
    method: Annotated[str, typer.Argument(help="Name of the method; 'loho-bench methods' lists them.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Table to write.", show_default="scores/METHOD.parquet")
    ] = None,
    settings: SettingsOption = None,
    threads: ThreadsOption = 1,
    cores: CoresOption = None,
) -> None:
    """Score every finished transfer of one method with every metric that applies."""
    configure_threads(threads, cores)
    from loho_bench.methods.catalogue import registry_for
    from loho_bench.methods.configuration import load_checked_settings
    from loho_bench.metrics.scoring import score_method

    chosen = load_checked_settings(settings)
    registry_for(chosen).get(method)
    score_method(method, chosen, out or layout.SCORES / f"{method}.parquet")
