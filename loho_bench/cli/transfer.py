"""``loho-bench transfer METHOD``: run a method on a slice of the tuples."""

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
    ShardOption,
    ThreadsOption,
)
from loho_bench.cli.threads import configure_threads, jobs_at_once


def transfer(
    method: Annotated[str, typer.Argument(help="Name of the method; 'loho-bench methods' lists them.")],
    portraits: PortraitsOption = layout.PORTRAITS,
    annotations: AnnotationsOption = None,
    tuples: Annotated[
        Path,
        typer.Option(
            "--tuples", help="Table that 'tuples' wrote: tuples.csv, or reconstruction.csv for Table 3."
        ),
    ] = layout.TUPLES / "tuples.csv",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Table to write, images and traces go beside it; without --shard it holds all tuples.",
            show_default="results/METHOD/tuples-SHARD.parquet",
        ),
    ] = None,
    shard: ShardOption = None,
    settings: SettingsOption = None,
    threads: ThreadsOption = 1,
    cores: CoresOption = None,
) -> None:
    """Transfer the hair of the tuples. Finished tuples of an earlier run are kept."""
    configure_threads(threads, cores)
    from loho_bench.methods.catalogue import registry_for
    from loho_bench.methods.configuration import load_checked_settings
    from loho_bench.methods.runner import run_shard
    from loho_bench.storage import read_table

    chosen = load_checked_settings(settings)
    registry_for(chosen).get(method)
    tables, together = annotations or layout.annotation_tables(), jobs_at_once(threads, cores)
    if out is not None or shard is not None:
        out = out or layout.result_table(method, tuples, shard or 0)
        run_shard(method, tuples, portraits, tables, chosen, shard, out, jobs_at_once=together)
        return
    for number in layout.shards(len(read_table(tuples)), chosen.transfer.shard_size):
        out = layout.result_table(method, tuples, number)
        run_shard(method, tuples, portraits, tables, chosen, number, out, jobs_at_once=together)
