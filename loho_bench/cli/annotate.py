"""``loho-bench annotate``: hair, face and landmarks of a slice of the portraits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli.options import CoresOption, PortraitsOption, SettingsOption, ShardOption, ThreadsOption
from loho_bench.cli.threads import configure_threads


def annotate(
    portraits: PortraitsOption,
    out: Annotated[Path, typer.Option("--out", help="Table to write.")],
    shard: ShardOption = 0,
    settings: SettingsOption = None,
    threads: ThreadsOption = 1,
    cores: CoresOption = None,
) -> None:
    """Find hair, face and 68 landmarks of one slice of the portraits."""
    configure_threads(threads, cores)
    from loho_bench.annotation.shards import annotate_shard
    from loho_bench.settings.loading import load_settings

    annotate_shard(portraits, load_settings(settings), shard, out)
