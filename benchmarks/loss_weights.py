"""Which multiples suit the rule behind LOHO's weights? Transfers on tuples that no benchmark draws.

    python benchmarks/loss_weights.py --ratios 8,8,2,1 --ratios 2,4,4,1
    python benchmarks/loss_weights.py --ratios 8,8,2,1 --override '{"structure_blocks": [3, 4, 5]}'

Each ``--ratios`` gives the multiples of structure, appearance, style and the noise regularization; ``fixed``
takes the settings' own weights. Prints a row per multiples and method: hair IoU of the generator's images,
for all tuples and by category; hair colour error; spread of the hair's hues, a ratio to that of the
appearance (above 1 there are tints that it does not have); error of the face (both errors of 255); weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli.threads import configure_threads

TERMS = ("structure", "appearance", "style", "noise")


def main(
    ratios: Annotated[list[str], typer.Option("--ratios")],
    methods: Annotated[list[str], typer.Option("--methods")] = ["loho", "loho-no-go"],  # noqa: B006
    override: Annotated[str, typer.Option("--override", help="LOHO's settings to change, JSON.")] = "{}",
    settings: Annotated[str, typer.Option("--settings")] = "config/default.yaml",
    folder: Annotated[Path, typer.Option("--folder")] = Path("training"),
    tuples: Annotated[int, typer.Option("--tuples", help="Of each category.")] = 4,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    picture: Annotated[Path | None, typer.Option("--picture", help="Where to draw the transfers.")] = None,
) -> None:
    """Calibrate, transfer and measure for every choice of multiples."""
    workers = configure_threads(1)
    import numpy as np

    from loho_bench.methods.catalogue import default_registry
    from loho_bench.methods.resources import load_resources
    from loho_bench.portraits.images import to_uint8
    from loho_bench.settings.loading import load_settings
    from loho_bench.settings.loho import LohoSettings
    from loho_bench.storage import write_png
    from loho_bench.training.calibration import calibrate
    from loho_bench.training.recipes import open_held_out
    from loho_bench.training.tuples import ROLES, choose_tuples, make_batch

    chosen, portraits = load_settings(settings), open_held_out(folder, workers)
    own = {**chosen.loho.model_dump(exclude_unset=True), **json.loads(override)}
    resources = load_resources(chosen, default_registry().get("loho").jobs)
    drawn = choose_tuples(portraits, chosen.tuples, tuples, seed)
    batch = make_batch(portraits, drawn, seed)
    rows = [np.concatenate(list(to_uint8(getattr(batch, role))), 1) for role in ROLES]
    print("multiples | method | hair_iou | by_category | colour_error | hue_spread | face_error | weights")
    for text in ratios:
        weights = LohoSettings(**own).weights
        if text != "fixed":
            multiples = dict(zip(TERMS, map(float, text.split(",")), strict=True))
            weights = calibrate(resources, LohoSettings(**own), batch, multiples)
        rounded = {name: float(f"{value:.3g}") for name, value in weights.model_dump().items()}
        for name in methods:
            spec = default_registry().get(name)
            transfer = spec.build(spec.configure({**own, "weights": rounded}), resources).transfer(batch)
            found = measure(transfer, batch, drawn, resources)
            print(text, name, *found, rounded, sep=" | ", flush=True)
            rows.append(np.concatenate(list(to_uint8(transfer.images)), 1))
            if picture:
                write_png(np.concatenate(rows), picture)


def measure(transfer, batch, drawn, resources) -> tuple[str, ...]:
    """Return mean hair IoU, that by category, mean colour error, spread of hues, and error of the face."""
    import numpy as np
    import pandas as pd

    from loho_bench.annotation.masks import iou
    from loho_bench.metrics.hair_colour import hair_colour_difference
    from loho_bench.networks.graphonomy import HAIR
    from loho_bench.portraits.images import to_uint8

    hair = (resources.parser.parse(transfer.foreground) == HAIR)[:, None].float().cpu()
    found, wanted = to_uint8(transfer.foreground), to_uint8(batch.appearance)
    masks = [
        (hair[i, 0].bool().numpy(), batch.appearance_hair[i, 0].bool().numpy()) for i in range(len(hair))
    ]
    errors = [hair_colour_difference(found[i], a, wanted[i], b) for i, (a, b) in enumerate(masks)]
    spread = np.mean([_hues(found[i][a]) / _hues(wanted[i][b]) for i, (a, b) in enumerate(masks)])
    face = batch.identity_face * (1 - batch.structure_hair)
    moved = 255 / 2 * (transfer.images.cpu() - batch.identity).abs().mean(1, keepdim=True)
    shape = pd.Series(iou(batch.structure_hair, hair).numpy(), [chosen.category for chosen in drawn])
    by_category = shape.groupby(level=0).mean().map(lambda v: round(float(v), 3)).to_dict()
    face_error = ((moved * face).sum((1, 2, 3)) / face.sum((1, 2, 3))).mean().item()
    colour = 255 * np.mean(errors)
    return f"{shape.mean():.3f}", f"{by_category}", f"{colour:.1f}", f"{spread:.2f}", f"{face_error:.1f}"


def _hues(pixels) -> float:
    """Return the standard deviation of uint8 RGB ``[n,3]`` at right angles to grey."""
    return (pixels - pixels.mean(axis=1, keepdims=True)).std(axis=0).mean()


if __name__ == "__main__":
    typer.run(main)
