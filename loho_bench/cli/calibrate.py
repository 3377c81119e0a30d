"""``loho-bench calibrate``: LOHO's loss weights for the embedded feature network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli.options import CoresOption, SettingsOption, ThreadsOption
from loho_bench.cli.threads import configure_threads


def calibrate(
    folder: Annotated[
        Path, typer.Option("--folder", help="Where 'loho-bench train' keeps its portraits.")
    ] = Path("training"),
    tuples: Annotated[
        int, typer.Option("--tuples", min=1, help="Tuples of each category to measure gradients on.")
    ] = 4,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    settings: SettingsOption = None,
    threads: ThreadsOption = 1,
    cores: CoresOption = None,
) -> None:
    """Print loss weights that give every term a gradient of fixed size relative to the identity term.

    The tuples are drawn as those of the benchmark, but from the held-out portraits of the trainings, which no
    benchmark contains.
    """
    workers = configure_threads(threads, cores)
    import yaml

    from loho_bench.methods.catalogue import default_registry
    from loho_bench.methods.resources import load_resources
    from loho_bench.settings.loading import load_settings
    from loho_bench.training.calibration import calibrate as measure
    from loho_bench.training.recipes import open_held_out
    from loho_bench.training.tuples import choose_tuples, make_batch

    chosen = load_settings(settings)
    portraits = open_held_out(folder, workers)
    batch = make_batch(portraits, choose_tuples(portraits, chosen.tuples, tuples, seed), seed)
    weights = measure(load_resources(chosen, default_registry().get("loho").jobs), chosen.loho, batch)
    typer.echo(yaml.safe_dump({"weights": weights.model_dump()}, sort_keys=False), nl=False)
