"""``loho-bench parity``: this package's numbers beside those of the official implementations."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli.options import CoresOption, ThreadsOption
from loho_bench.cli.threads import configure_threads

EXIT_OUT_OF_TOLERANCE = 1


class TableFormat(StrEnum):
    """How the table is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"


def parity(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of reference values, with its params.json.")
    ],
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="COMPONENT", help="Compare this component; may be given several times."
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write everything to this file.")] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write a row per comparison to this file.")
    ] = None,
    form: Annotated[
        TableFormat, typer.Option("--format", help="Every comparison as text, or a summary as Markdown.")
    ] = TableFormat.TEXT,
    threads: ThreadsOption = 1,
    cores: CoresOption = None,
) -> None:
    """Compare this package with values that the official implementations computed.

    Networks are rebuilt from the rules of the folder. Leaves with 1 if a comparison is out of tolerance, with
    2 if the folder cannot be used.
    """
    configure_threads(threads, cores)
    from loho_bench.parity.catalogue import chosen_components
    from loho_bench.parity.reference import Reference
    from loho_bench.parity.run import run
    from loho_bench.parity.table import to_frame, to_json, to_markdown, to_text
    from loho_bench.storage import write_json, write_table

    components = chosen_components(only or [])
    outcome = run(Reference(folder), components)
    if json is not None:
        write_json(to_json(outcome), json)
    if csv is not None:
        write_table(to_frame(outcome), csv)
    typer.echo(to_markdown(outcome) if form is TableFormat.MARKDOWN else to_text(outcome))
    if not outcome.ok:
        raise typer.Exit(EXIT_OUT_OF_TOLERANCE)
