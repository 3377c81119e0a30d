"""``loho-bench embedded``: judge the embedded world, show it, and take over a network made anew."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli.options import CoresOption, SettingsOption
from loho_bench.cli.threads import configure_threads, processors, share_of_threads

app = typer.Typer(
    help="The embedded networks and the world they live in: evaluate, sheets, adopt.",
    no_args_is_help=True,
)

SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="Of the portraits; no seed gives any that was trained on.")
]
ProcessesOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="Processes, of one thread each.",
        show_default="one for each processor",
    ),
]


@app.command()
def evaluate(
    seed: SeedOption,
    json: Annotated[Path, typer.Option("--json", help="File for the figures.")],
    settings: SettingsOption = None,
    check: Annotated[bool, typer.Option("--check", help="Leave with 1 where a bound is missed.")] = False,
    threads: ProcessesOption = None,
    cores: CoresOption = None,
) -> None:
    """Measure generator, parser, landmarks, features and LOHO on portraits never trained on.

    Without --settings those of config/default.yaml are taken.
    """
    workers = _processes(threads, cores)
    from loho_bench.evaluation.bounds import Verdict, verdict_table
    from loho_bench.evaluation.evaluate import evaluate as measure
    from loho_bench.methods.configuration import load_checked_settings
    from loho_bench.storage import write_json

    chosen = load_checked_settings(settings or default_settings())
    _check_target(json)
    found = measure(seed, chosen, workers=workers, prepare=partial(configure_threads, 1))
    write_json(found, json)
    verdicts = [Verdict(**verdict) for verdict in found["bounds"]]
    typer.echo("\n".join(verdict_table(verdicts)))
    if check and any(verdict.kept is False for verdict in verdicts):
        raise typer.Exit(1)


@app.command()
def sheets(
    out: Annotated[Path, typer.Option("--out", help="Folder for the pictures.")] = Path("docs/pictures"),
    seed: SeedOption = 0,
    settings: SettingsOption = None,
    threads: ProcessesOption = None,
    cores: CoresOption = None,
) -> None:
    """Draw contact sheets of renders, samples, inversions and transfers.

    Without --settings those of config/default.yaml are taken.
    """
    workers = _processes(threads, cores)
    from loho_bench.evaluation.sheets import write_sheets
    from loho_bench.methods.configuration import load_checked_settings

    chosen = load_checked_settings(settings or default_settings())
    for path in write_sheets(out, seed, chosen, workers=workers, prepare=partial(configure_threads, 1)):
        typer.echo(path)


@app.command()
def adopt(
    network: Annotated[str, typer.Argument(help="As 'loho-bench train' calls it.")],
    folder: Annotated[
        Path, typer.Option("--folder", help="Where 'loho-bench train' left weights and card.")
    ] = Path("training"),
    force: Annotated[
        str | None,
        typer.Option("--force", metavar="REASON", help="Adopt a worse network; its card keeps the reason."),
    ] = None,
) -> None:
    """Make a trained network the package's own, unless its held-out figures are worse than now."""
    from loho_bench.training.adoption import adopt as take_over

    typer.echo(take_over(network, folder, reason=force))


def default_settings() -> Path:
    """Return ``config/default.yaml`` of the source tree that this package runs from, or of this folder.

    Raises
    ------
    UserError
        There is neither.
    """
    import loho_bench
    from loho_bench.errors import UserError

    roots = (Path(loho_bench.__file__).parents[1], Path.cwd())
    for path in (root / "config" / "default.yaml" for root in roots):
        if path.is_file():
            return path
    raise UserError(
        "cannot find the settings of the default run",
        cause="this package was installed without its source tree, and there is no config/default.yaml here",
        remedy="give them with --settings",
    )


def _check_target(path: Path) -> None:
    """Say before the work, not after it, that its result could not be written."""
    from loho_bench.errors import UserError
    from loho_bench.storage import check_writable

    if path.is_dir():
        raise UserError(
            f"cannot write {path}", cause="it is a folder", remedy="give --json the path of a file"
        )
    check_writable(next(folder for folder in path.absolute().parents if folder.is_dir()))


def _processes(threads: int | None, cores: int | None) -> int:
    """Set one thread for this process and those it starts, and return how many to start."""
    configure_threads(1)
    return share_of_threads(threads or processors(), cores, processors())
