"""``loho-bench train NETWORK``: make one of the small networks that ship with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli.options import CoresOption, ThreadsOption
from loho_bench.cli.threads import configure_threads


def train(
    network: Annotated[
        str,
        typer.Argument(help="features, generator, parser, landmarks, extractor, michigan or inpainter."),
    ],
    folder: Annotated[
        Path, typer.Option("--folder", help="Portraits, checkpoints and results go here.")
    ] = Path("training"),
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Other than the recipe's, for a trial.")
    ] = None,
    threads: ThreadsOption = 1,
    cores: CoresOption = None,
) -> None:
    """Train a small network on synthetic portraits; a killed run goes on where it stopped."""
    workers = configure_threads(threads, cores)
    from loho_bench.training.recipes import make_network

    make_network(network, folder, seed=seed, workers=workers, steps=steps)
