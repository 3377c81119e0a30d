"""``loho-bench score METHOD``: tidy rows, one per tuple and metric."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli.options import CoresOption, SettingsOption, ThreadsOption
from loho_bench.cli.threads import configure_threads


def score(
    method: Annotated[str, typer.Argument(help="Name of the method.")],
    out: Annotated[Path, typer.Option("--out", help="Table to write.")],
    settings: SettingsOption = None,
    threads: ThreadsOption = 1,
    cores: CoresOption = None,
) -> None:
    """Score every finished transfer of one method with every metric that applies."""
    configure_threads(threads, cores)
    from loho_bench.metrics.scoring import score_method
    from loho_bench.settings.loading import load_settings

    score_method(method, load_settings(settings), out)
