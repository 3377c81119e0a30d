"""``loho-bench annotate``: hair, face and landmarks of a slice of the portraits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli import layout
from loho_bench.cli.options import CoresOption, PortraitsOption, SettingsOption, ShardOption, ThreadsOption
from loho_bench.cli.threads import configure_threads


def annotate(
    portraits: PortraitsOption = layout.PORTRAITS,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Table to write; without --shard it holds all portraits.",
            show_default="annotations/shard-SHARD.parquet",
        ),
    ] = None,
    shard: ShardOption = None,
    settings: SettingsOption = None,
    threads: ThreadsOption = 1,
    cores: CoresOption = None,
) -> None:
    """Find hair, face and 68 landmarks of the portraits."""
    configure_threads(threads, cores)
    from loho_bench.annotation.shards import annotate_shard
    from loho_bench.settings.loading import load_settings
    from loho_bench.storage import read_table

    chosen = load_settings(settings)
    if out is not None or shard is not None:
        annotate_shard(portraits, chosen, shard, out or layout.annotation_table(shard or 0))
        return
    for number in layout.shards(len(read_table(portraits)), chosen.annotation.shard_size):
        annotate_shard(portraits, chosen, number, layout.annotation_table(number))
