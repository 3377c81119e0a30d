"""What reduced precision changes: LOHO in float32 and in fewer bits, on the same tuples of drawn portraits.

    python benchmarks/precision.py --json precision.json
    python benchmarks/precision.py --tuples 12 --precision tf32 --workers 4

Four runs of the default settings: float32, the reduced precision, and two yardsticks in float32, which tell
how large a difference means anything. One computes every tuple by itself, so that sums are taken in another
order and the last bits differ; the other draws its noise from other seeds. Each is compared with the first
run tuple by tuple: PSNR of the portraits, IoU of the hair that the parser sees in them, final losses without
weights, and scores against the true answer, with 95 % intervals of the mean differences. Finished batches lie
in ``--folder``, which belongs to one choice of the options, and are not computed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from measuring import machine, write_json

from loho_bench.cli.threads import configure_threads

if TYPE_CHECKING:
    import pandas as pd

    from loho_bench.evaluation.world import World

TERMS = ("face", "structure", "appearance", "style", "noise")
SCORES = ("true_hair_iou", "true_lpips")
BATCH = 6


@dataclass(frozen=True)
class Run:
    """One way to compute all tuples: the precision, how many together, and the seed of their noise."""

    name: str
    precision: str = "float32"
    together: int = BATCH
    seed: int = 0


def main(
    tuples: Annotated[int, typer.Option("--tuples", help="A third of them from each category.")] = 36,
    precision: Annotated[Literal["bfloat16", "tf32"], typer.Option("--precision")] = "bfloat16",
    settings: Annotated[str, typer.Option("--settings")] = "config/default.yaml",
    seed: Annotated[int, typer.Option("--seed", help="Of portraits and tuples.")] = 0,
    workers: Annotated[int, typer.Option("--workers", help="Processes of one thread.")] = 1,
    folder: Annotated[Path, typer.Option("--folder", help="For finished batches.")] = Path("precision"),
    json: Annotated[Path | None, typer.Option("--json", help="Where to write the report.")] = None,
) -> None:
    """Run LOHO four times and report how the last three differ from the first."""
    configure_threads(1)
    from loho_bench.evaluation.jobs import run_jobs
    from loho_bench.evaluation.world import Effort, render_world
    from loho_bench.settings.loading import load_settings

    effort = Effort(portraits=480, probe_portraits=0, tuples_per_category=tuples // 3)
    world = render_world(folder, seed, load_settings(settings), effort, workers)
    runs = (
        Run("float32"),
        Run(precision, precision),
        Run("one at a time", together=1),
        Run("other seeds", seed=1),
    )
    starts = range(0, len(world.tuples), BATCH)
    jobs = [partial(compute, world, run, start, folder) for run in runs for start in starts]
    for done, (position, _, took) in enumerate(run_jobs(jobs, workers, partial(configure_threads, 1)), 1):
        print(
            f"{runs[position // len(starts)].name}: {took:.0f} s; {done} of {len(jobs)} batches", flush=True
        )
    reference, *others = (read(world, run, folder) for run in runs)
    found = {run.name: compare(reference, table) for run, table in zip(runs[1:], others, strict=True)}
    counts = reference["category"].value_counts(sort=False).to_dict()
    print("\n".join(table_of(found)))
    write_json(json, {"machine": machine(), "tuples": counts, "against_float32": found})


def compute(world: World, run: Run, start: int, folder: Path) -> None:
    """Compute the tuples of the batch that begins at ``start``, and keep what the report compares."""
    path = path_of(folder, run, start)
    if path.is_file():
        return
    import numpy as np

    from loho_bench.evaluation.transfers import build_method, jobs_of, score_transfers, true_answers
    from loho_bench.methods.precision import allow_tf32
    from loho_bench.methods.resources import load_resources
    from loho_bench.networks.graphonomy import HAIR
    from loho_bench.portraits.images import to_uint8
    from loho_bench.storage import atomic_path
    from loho_bench.training.tuples import make_batch

    exact, reduced = (in_precision(world, name) for name in ("float32", run.precision))
    # Judges of their own, in float32: the method lets its features compute in its precision.
    judges = load_resources(exact, ("features", "parser"))
    method = build_method("loho", reduced, load_resources(reduced, jobs_of("loho")))
    chosen, kept = world.tuples[start : start + BATCH], []
    for first in range(0, len(chosen), run.together):
        part = chosen[first : first + run.together]
        batch = make_batch(world.portraits(), part, run.seed)
        allow_tf32(run.precision == "tf32")
        found = method.transfer(batch)
        allow_tf32(False)
        scores = score_transfers(found, batch, part, true_answers(world.portraits(), part), judges)
        kept.append(
            {
                "portrait": to_uint8(found.images),
                "hair": (judges.parser.parse(found.images) == HAIR).cpu().numpy(),
                **{term: found.traces[term][-1].numpy() for term in TERMS},
                **{name: [getattr(score, name) for score in scores] for name in SCORES},
            }
        )
    with atomic_path(path) as temporary:
        np.savez(temporary, **{name: np.concatenate([part[name] for part in kept]) for name in kept[0]})


def in_precision(world: World, precision: str) -> Any:
    """Return the settings of ``world`` with another precision."""
    transfer = world.settings.transfer.model_copy(update={"precision": precision})
    return world.settings.model_copy(update={"transfer": transfer})


def path_of(folder: Path, run: Run, start: int) -> Path:
    """Return where the batch of ``run`` lies that begins at ``start``."""
    return folder / f"{run.name.replace(' ', '-')}-{start:04d}.npz"


def read(world: World, run: Run, folder: Path) -> pd.DataFrame:
    """Return a row for every tuple of ``run``."""
    import numpy as np
    import pandas as pd

    parts = [np.load(path_of(folder, run, start)) for start in range(0, len(world.tuples), BATCH)]
    columns = {name: [value for part in parts for value in part[name]] for name in parts[0]}
    return pd.DataFrame({"category": [chosen.category for chosen in world.tuples], **columns})


def compare(reference: pd.DataFrame, table: pd.DataFrame) -> dict[str, Any]:
    """Return how ``table`` differs from ``reference``, in all tuples and in those of each category."""
    import numpy as np
    import pandas as pd

    from loho_bench.metrics.psnr import psnr
    from loho_bench.metrics.statistics import bootstrap_mean

    def spread(values: pd.Series) -> dict[str, float]:
        return {"mean": values.mean(), "percentile_5": np.percentile(values, 5), "least": values.min()}

    def mean(values: pd.Series) -> dict[str, float]:
        found = bootstrap_mean(values, seed=0)
        return {"mean": found.value, "low": found.low, "high": found.high}

    pairs = [list(zip(reference[name], table[name], strict=True)) for name in ("portrait", "hair")]
    rows = pd.DataFrame({"psnr": [psnr(a, b) for a, b in pairs[0]]})
    rows["hair_iou"] = [(a & b).sum() / max(1, (a | b).sum()) for a, b in pairs[1]]
    # Losses of different tuples differ by factors: the mean of ratios, not the ratio of means.
    changes = table[list(TERMS)] / reference[list(TERMS)] - 1
    differences = table[list(SCORES)] - reference[list(SCORES)]
    categories = reference["category"]
    groups = {"all": categories.index, **{c: categories.index[categories == c] for c in categories.unique()}}
    return {
        group: {
            **{name: spread(rows.loc[index, name]) for name in rows},
            "relative_loss": {term: mean(changes.loc[index, term]) for term in TERMS},
            "scores": {
                name: {
                    "float32": reference.loc[index, name].mean(),
                    "this": table.loc[index, name].mean(),
                    "difference": mean(differences.loc[index, name]),
                }
                for name in SCORES
            },
        }
        for group, index in groups.items()
    }


def table_of(found: dict[str, Any]) -> Iterator[str]:
    """Yield the report as lines of Markdown."""
    heads = ("PSNR, dB: mean, 5th percentile, least", "hair IoU: the same", *SCORES, *TERMS)
    yield " | ".join(("against float32", *heads))
    yield " | ".join(["---"] * (len(heads) + 1))
    for run, groups in found.items():
        for group, values in groups.items():
            psnr, iou = values["psnr"].values(), values["hair_iou"].values()
            cells = [", ".join(f"{v:.1f}" for v in psnr), ", ".join(f"{v:.3f}" for v in iou)]
            cells += [_interval(values["scores"][name]["difference"], 1, "{:+.4f}") for name in SCORES]
            cells += [_interval(values["relative_loss"][term], 100, "{:+.1f}") + " %" for term in TERMS]
            yield " | ".join((f"{run}, {group}", *cells))


def _interval(mean: dict[str, float], factor: float, form: str) -> str:
    value, low, high = (form.format(factor * mean[name]) for name in ("mean", "low", "high"))
    return f"{value} [{low}, {high}]"


if __name__ == "__main__":
    typer.run(main)
