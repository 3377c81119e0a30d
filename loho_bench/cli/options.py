"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SettingsOption = Annotated[
    str | None,
    typer.Option(
        "--settings",
        metavar="FILE_OR_JSON",
        help="A YAML or JSON file of settings, or a JSON object; what it leaves out keeps its default.",
    ),
]
PortraitsOption = Annotated[
    Path, typer.Option("--portraits", help="Table written by 'loho-bench portraits'.")
]
AnnotationsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--annotations",
        help="Table that 'annotate' wrote; once for every shard.",
        show_default="all of annotations/shard-*.parquet",
    ),
]
ShardOption = Annotated[
    int | None,
    typer.Option(
        "--shard", min=0, help="Which slice of the work to do, from 0.", show_default="one after the other"
    ),
]
ThreadsOption = Annotated[int, typer.Option("--threads", min=1, help="Threads that this job may use.")]
CoresOption = Annotated[
    int | None,
    typer.Option(
        "--cores",
        min=1,
        envvar="LOHO_BENCH_CORES",
        help="Cores that the whole workflow was promised; where it was promised more than the machine has, "
        "this job takes its share of what is there.",
    ),
]
