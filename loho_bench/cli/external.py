"""``loho-bench external``: the way out to another program, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli import layout
from loho_bench.cli.options import AnnotationsOption, PortraitsOption, SettingsOption, ShardOption

app = typer.Typer(
    name="external",
    help="Exchange portraits and results with a method that another program computes.",
    no_args_is_help=True,
)

MethodArgument = Annotated[str, typer.Argument(help="Name of an entry in the settings' group 'external'.")]


@app.command("export")
def export(
    method: MethodArgument,
    out: Annotated[Path, typer.Option("--out", help="Folder for portraits, masks and the list of tuples.")],
    tuples: Annotated[
        list[Path] | None,
        typer.Option("--tuples", help="Table that 'tuples' wrote.", show_default="tuples/tuples.csv"),
    ] = None,
    portraits: PortraitsOption = layout.PORTRAITS,
    annotations: AnnotationsOption = None,
    outputs: Annotated[
        Path | None,
        typer.Option(
            "--outputs", help="Folder that the program shall write to.", show_default="the folder of --out"
        ),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option("--results", help="The method's results: tuples that are finished there are left out."),
    ] = None,
    shard: Annotated[
        int | None,
        typer.Option("--shard", min=0, help="Which slice of the tuples, from 0.", show_default="all of them"),
    ] = None,
    settings: SettingsOption = None,
) -> None:
    """Write the portraits of the tuples, their masks and the list of tuples for another program."""
    from loho_bench.methods.external.export import export_inputs
    from loho_bench.settings.loading import load_settings

    tables = annotations or layout.annotation_tables()
    chosen = tuples or [layout.TUPLES / "tuples.csv"]
    export_inputs(
        method,
        chosen,
        portraits,
        tables,
        load_settings(settings),
        out,
        outputs=outputs,
        shard=shard,
        results=results,
    )


@app.command("collect")
def collect(
    method: MethodArgument,
    outputs: Annotated[
        Path, typer.Option("--outputs", help="Folder of the results, with the triples.tsv they belong to.")
    ],
    tuples: Annotated[Path, typer.Option("--tuples", help="Table that 'tuples' wrote.")] = layout.TUPLES
    / "tuples.csv",
    portraits: PortraitsOption = layout.PORTRAITS,
    annotations: AnnotationsOption = None,
    shard: ShardOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Table to write.", show_default="results/METHOD/tuples-SHARD.parquet"),
    ] = None,
    benchmark: Annotated[
        Path | None,
        typer.Option("--benchmark", help="Snakemake's benchmark of the job that made the results."),
    ] = None,
    settings: SettingsOption = None,
) -> None:
    """Read the results of another program: what is missing or cannot be used becomes a failure."""
    from loho_bench.methods.external.collect import collect_outputs
    from loho_bench.settings.loading import load_settings

    table = out or layout.result_table(method, tuples, shard or 0)
    chosen = load_settings(settings)
    notes = annotations or layout.annotation_tables()
    collect_outputs(method, tuples, portraits, notes, chosen, shard, outputs, table, benchmark=benchmark)
