"""``loho-bench portraits``: draw synthetic portraits, or inspect a folder of images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli import layout
from loho_bench.cli.options import CoresOption, SettingsOption
from loho_bench.cli.threads import processors, share_of_threads


def portraits(
    out: Annotated[
        Path, typer.Option("--out", help="Table to write; synthetic images go beside it.")
    ] = layout.PORTRAITS,
    settings: SettingsOption = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that this job may use.")] = 1,
    cores: CoresOption = None,
) -> None:
    """Draw synthetic portraits, or list a folder of images; unusable ones are set aside with their reason."""
    from loho_bench.portraits.table import write_portraits
    from loho_bench.settings.loading import load_settings

    write_portraits(load_settings(settings), out, share_of_threads(workers, cores, processors()))
