"""Which multiples suit the rule behind LOHO's weights? Transfers on tuples that no benchmark draws.

    python benchmarks/loss_weights.py --ratios 8,8,2,1 --ratios 2,4,4,1

Each ``--ratios`` gives the multiples of structure, appearance, style and the noise regularization.
Prints a row per multiples and method: mean hair IoU and mean hair colour error of the generator's images.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli.threads import configure_threads


def main(
    ratios: Annotated[list[str], typer.Option("--ratios")],
    methods: Annotated[list[str], typer.Option("--methods")] = ["loho", "loho-no-go"],  # noqa: B006
    settings: Annotated[str, typer.Option("--settings")] = "config/default.yaml",
    folder: Annotated[Path, typer.Option("--folder")] = Path("training"),
    tuples: Annotated[int, typer.Option("--tuples")] = 8,
) -> None:
    """Calibrate, transfer and measure for every choice of multiples."""
    workers = configure_threads(1)
    from loho_bench.methods.catalogue import default_registry
    from loho_bench.methods.resources import load_resources
    from loho_bench.settings.loading import load_settings
    from loho_bench.training.calibration import calibrate, calibration_batch
    from loho_bench.training.recipes import open_held_out

    chosen = load_settings(settings)
    resources = load_resources(chosen.transfer)
    batch = calibration_batch(open_held_out(folder, workers), tuples, seed=0)
    print("structure,appearance,style,noise,method,hair_iou,hair_colour_error,weights")
    for text in ratios:
        names = ("structure", "appearance", "style", "noise")
        multiples = dict(zip(names, map(float, text.split(",")), strict=True))
        weights = calibrate(resources, chosen.loho, batch, multiples).model_dump()
        own = {**chosen.loho.model_dump(exclude_unset=True), "weights": weights}
        for name in methods:
            spec = default_registry().get(name)
            foreground = spec.build(spec.configure(own), resources).transfer(batch).foreground
            iou, error = measure(foreground, batch, resources)
            print(f"{text},{name},{iou:.3f},{error:.1f},{weights}", flush=True)


def measure(foreground, batch, resources) -> tuple[float, float]:
    """Return the mean hair IoU with the structure, and the mean colour error (of 255) to the appearance."""
    from loho_bench.annotation.masks import iou
    from loho_bench.metrics.hair_colour import hair_colour_difference
    from loho_bench.networks.graphonomy.classes import HAIR
    from loho_bench.portraits.images import to_uint8

    hair = (resources.parser.parse(foreground) == HAIR)[:, None].float().cpu()
    found, wanted = to_uint8(foreground), to_uint8(batch.appearance)
    errors = [
        hair_colour_difference(found[i], hair[i, 0].bool().numpy(), wanted[i], mask.bool().numpy()[0])
        for i, mask in enumerate(batch.appearance_hair)
    ]
    return iou(batch.structure_hair, hair).mean().item(), 255 * sum(errors) / len(errors)


if __name__ == "__main__":
    typer.run(main)
