"""The program ``loho-bench``: its commands, its log lines and its exit codes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Annotated, TextIO

import typer

import loho_bench
from loho_bench.cli import (
    align,
    annotate,
    calibrate,
    embedded,
    external,
    layers,
    methods,
    new_method,
    parity,
    portraits,
    report,
    schema,
    score,
    train,
    transfer,
    transfer_one,
    tuples,
    weights,
)
from loho_bench.errors import UserError

EXIT_INTERNAL = 1
EXIT_USER = 2

_LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

app = typer.Typer(
    name="loho-bench",
    help="The benchmark for hairstyle transfer: portraits, annotate, tuples, transfer, score, report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("portraits")(portraits.portraits)
app.command("align")(align.align)
app.command("annotate")(annotate.annotate)
app.command("tuples")(tuples.tuples)
app.command("transfer")(transfer.transfer)
app.command("transfer-one")(transfer_one.transfer_one)
app.command("layers")(layers.layers)
app.command("methods")(methods.methods)
app.command("score")(score.score)
app.command("report")(report.report)
app.command("ablation")(report.ablation)
app.command("schema")(schema.schema)
app.command("train")(train.train)
app.command("new-method")(new_method.new_method)
app.command("calibrate")(calibrate.calibrate)
app.command("parity")(parity.parity)
app.add_typer(embedded.app, name="embedded")
app.add_typer(external.app, name="external")
app.add_typer(weights.app, name="weights")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"loho-bench {loho_bench.__version__}")
        raise typer.Exit


@app.callback()
def _before_every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log warnings and errors only.")] = False,
) -> None:
    configure_logging(logging.WARNING if quiet else logging.INFO)


class _CurrentStandardError(logging.StreamHandler):
    """Writes to what is standard error at that moment: a progress bar puts itself in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr


def configure_logging(level: int) -> None:
    """Send the log lines of this package, and the warnings of others, to standard error with their time."""
    handler = _CurrentStandardError()
    handler.setFormatter(logging.Formatter(_LOG_FORMAT, "%Y-%m-%d %H:%M:%S"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("loho_bench").setLevel(level)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with 0, or 2 for what the user can mend, or 1 for a defect of the program.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words of the command line; those of the process by default.
    """
    try:
        app(args=None if arguments is None else list(arguments), prog_name="loho-bench")
    except UserError as error:
        print(f"loho-bench: {error}", file=sys.stderr)
        sys.exit(EXIT_USER)
    except Exception:
        logging.getLogger("loho_bench.cli").critical("this is a defect of loho-bench", exc_info=True)
        sys.exit(EXIT_INTERNAL)
