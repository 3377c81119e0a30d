"""``loho-bench layers``: masks, soft masks and backgrounds of the annotated portraits, as images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli import layout
from loho_bench.cli.options import (
    AnnotationsOption,
    CoresOption,
    PortraitsOption,
    SettingsOption,
    ThreadsOption,
)
from loho_bench.cli.threads import configure_threads


def layers(
    portraits: PortraitsOption = layout.PORTRAITS,
    annotations: AnnotationsOption = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("layers"),
    settings: SettingsOption = None,
    threads: ThreadsOption = 1,
    cores: CoresOption = None,
) -> None:
    """Write masks, soft masks and inpainted backgrounds for methods outside this package."""
    configure_threads(threads, cores)
    from loho_bench.annotation.choice import choose_device
    from loho_bench.methods.choice import choose_inpainter
    from loho_bench.methods.layers import write_layers
    from loho_bench.settings.loading import load_settings

    chosen, tables = load_settings(settings), annotations or layout.annotation_tables()
    inpainter = choose_inpainter(chosen, choose_device())
    write_layers(portraits, tables, out, chosen.transfer.resolution, inpainter)
