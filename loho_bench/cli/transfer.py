"""``loho-bench transfer METHOD``: run a method on a slice of the tuples; ``methods`` lists them all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli.options import (
    AnnotationsOption,
    CoresOption,
    PortraitsOption,
    SettingsOption,
    ShardOption,
    ThreadsOption,
)
from loho_bench.cli.threads import configure_threads


def transfer(
    method: Annotated[str, typer.Argument(help="Name of the method; 'loho-bench methods' lists them.")],
    portraits: PortraitsOption,
    annotations: AnnotationsOption,
    out: Annotated[Path, typer.Option("--out", help="Table to write; images and traces go beside it.")],
    tuples: Annotated[Path, typer.Option("--tuples", help="Table of tuples that 'tuples' wrote.")],
    shard: ShardOption = 0,
    settings: SettingsOption = None,
    threads: ThreadsOption = 1,
    cores: CoresOption = None,
) -> None:
    """Transfer the hair of one slice of the tuples. Finished tuples of an earlier run are kept."""
    configure_threads(threads, cores)
    from loho_bench.methods.runner import run_shard
    from loho_bench.settings.loading import load_settings

    run_shard(method, tuples, portraits, annotations, load_settings(settings), shard, out)


def methods() -> None:
    """List the methods that can be run."""
    from loho_bench.methods.registry import default_registry

    for spec in default_registry():
        typer.echo(f"{spec.name:<20} {spec.description}")
