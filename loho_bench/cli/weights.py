"""``loho-bench weights``: list, fetch and check the published files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from loho_bench.cli.options import SettingsOption

if TYPE_CHECKING:
    from loho_bench.weights.published.manifest import WeightFile
    from loho_bench.weights.published.store import Finding, WeightStore

app = typer.Typer(
    help="The published networks and where they lie: list, fetch, check.",
    no_args_is_help=True,
)

_EXIT_USER = 2
_TABLE_HEAD = "| name | file | for | size | SHA-256 | licence, as stated | from |"
_DIGITS_SHOWN = 12

FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        help="Folder of the files, before those of the settings, LOHO_BENCH_WEIGHTS and the user's cache.",
    ),
]
NamesArgument = Annotated[
    list[str] | None, typer.Argument(help="Names in 'loho-bench weights list'.", show_default="all")
]


@app.command("list")
def list_files(
    form: Annotated[
        Literal["table", "json", "markdown"],
        typer.Option("--format", help="For people, for programs, or the table of docs/weights.md."),
    ] = "table",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    folder: FolderOption = None,
    settings: SettingsOption = None,
) -> None:
    """Show every published file with its size, its licence, and whether it is there."""
    from loho_bench.weights.published.manifest import manifest

    if form == "markdown":
        typer.echo(markdown_table())
        return
    store = _open_store(folder, settings)
    rows = [(file, store.check(name, record=False)) for name, file in manifest().items()]
    if as_json or form == "json":
        typer.echo(json.dumps([_as_json(file, finding) for file, finding in rows], indent=1))
    else:
        _print_table(rows)


@app.command()
def fetch(names: NamesArgument = None, folder: FolderOption = None, settings: SettingsOption = None) -> None:
    """Fetch files, or all that a program can fetch; say how to get the others by hand."""
    from loho_bench.errors import UserError
    from loho_bench.weights.published.fetching import can_be_fetched, how_by_hand
    from loho_bench.weights.published.fetching import fetch as fetch_file
    from loho_bench.weights.published.manifest import check_names, manifest

    check_names(names or [])
    store = _open_store(folder, settings)
    failed = False
    for name in dict.fromkeys(names or [name for name in manifest() if can_be_fetched(name, store)]):
        try:
            fetched = fetch_file(name, store)
        except UserError as error:
            # That no mirror has a file that is got by hand is no failure, unless it was asked for.
            if names or manifest()[name].urls:
                typer.echo(f"loho-bench: {error}", err=True)
                failed = True
        else:
            origin = f"from {fetched.source}" if fetched.source else "already there"
            typer.echo(f"{name}: {fetched.path} ({origin}; licence: {manifest()[name].licence})")
    for name, file in manifest().items() if not names else ():
        if not file.urls and store.find(name) is None:
            typer.echo(f"{name}: by hand. {how_by_hand(file, store)}")
    if failed:
        raise typer.Exit(_EXIT_USER)


@app.command()
def check(names: NamesArgument = None, folder: FolderOption = None, settings: SettingsOption = None) -> None:
    """Compare files, or all that are there, with the published or first recorded hashes."""
    from loho_bench.weights.published.manifest import check_names, manifest

    check_names(names or [])
    store = _open_store(folder, settings)
    wanted = names or [name for name in manifest() if store.find(name)]
    findings = [store.check(name) for name in dict.fromkeys(wanted)]
    for finding in findings:
        typer.echo(f"{finding.name}: {_verdict(finding, store)}")
    if not findings:
        typer.echo(f"there are no files to check in {', '.join(map(str, store.folders))}")
    if any(finding.status != "present" for finding in findings):
        raise typer.Exit(_EXIT_USER)


def markdown_table() -> str:
    """Return the table of all files for ``docs/weights.md``, which no machine changes."""
    from loho_bench.weights.published.manifest import manifest

    rows = [_TABLE_HEAD, "| --- | --- | --- | ---: | --- | --- | --- |"]
    for file in manifest().values():
        digits = file.sha256 or file.sha256_prefix
        sha256 = f"`{digits[:_DIGITS_SHOWN]}…`" if digits else "unknown"
        size = str(file.size or "unknown")
        how = f"[{'fetched' if file.urls else 'by hand'}]({file.page})"
        cells = (f"`{file.name}`", f"`{file.file}`", file.used_for, size, sha256, file.licence, how)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _open_store(folder: Path | None, settings: str | None) -> WeightStore:
    from loho_bench.settings.loading import load_settings
    from loho_bench.weights.published.store import WeightStore

    return WeightStore.from_settings(load_settings(settings).weights, folder)


def _as_json(file: WeightFile, finding: Finding) -> dict[str, object]:
    path = str(finding.path) if finding.path else None
    state = {"status": finding.status, "path": path, "problem": finding.problem}
    return {**file.model_dump(mode="json"), **state}


def _print_table(rows: list[tuple[WeightFile, Finding]]) -> None:
    from rich.console import Console
    from rich.table import Table

    terminal = sys.stdout.isatty()
    table = Table(*("name", "file", "size", "licence", "status", "path"), box=None, pad_edge=False)
    colours = {"present": "green", "missing": "yellow", "wrong": "red"}
    for file, finding in rows:
        state = f"[{colours[finding.status]}]{finding.status}[/]"
        path = str(finding.path or "")
        table.add_row(file.name, file.file, file.size_text.removeprefix("size "), file.licence, state, path)
    # A line a file, whatever its length, for those who search in the output.
    console = Console(width=None if terminal else 2000, soft_wrap=not terminal, highlight=False)
    console.print(table)
    for file, finding in rows:
        if finding.problem:
            console.print(f"{file.name}: {finding.problem}", markup=False)


def _verdict(finding: Finding, store: WeightStore) -> str:
    if finding.status != "present":
        return ": ".join(str(part) for part in (finding.status, finding.path, finding.problem) if part)
    if finding.name in store.files:
        return f"present, chosen in the settings and not compared: {finding.path}"
    return f"right: {finding.path}, SHA-256 {store.sha256(finding.name)}"
