"""What LOHO's fast profile saves and what it costs: LOHO, the profile, and each acceleration alone.

    python benchmarks/fast_profile.py --json fast_profile.json
    python benchmarks/fast_profile.py --only loho --only loho-fast --tuples 12
    python benchmarks/fast_profile.py --stop-after 120      # again and again, until all batches are there

Tuples are drawn from portraits that neither a network nor a benchmark run has seen, and have true answers.
Every line gives seconds a tuple, on the clock and on the processor, the iterations of a tuple, and means with
their differences to LOHO over the same tuples and 95 % intervals: hair IoU of the generator's image and the
structure, LPIPS to the true answer, hair colour error of 255. Where other programs run, read the processor's
seconds. The start's portraits are made once in every process, and counted in its first batch. Finished
batches lie in ``--folder``, which belongs to one choice of settings, and are not computed again.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from measuring import machine, write_json

from loho_bench.cli.threads import configure_threads

if TYPE_CHECKING:
    import pandas as pd

    from loho_bench.evaluation.world import World

BASE, FAST = "loho", "loho-fast"
OFF: dict[str, Any] = {
    "iterations": 1.0,
    "rate": 1.0,
    "early_stop": {"tolerance": 0.0},
    "coarse_to_fine": {"stage_one": 0.0, "stage_two": 0.0},
    "start": {"portraits": 0},
}
ALONE: dict[str, dict[str, Any]] = {
    "fewer iterations": {"iterations": 0.45},
    "early stop": {"early_stop": {"tolerance": 0.05}},
    "coarse to fine": {"coarse_to_fine": {"stage_one": 0.6}},
    "start": {"start": {"portraits": 256}},
}
"""An acceleration by itself, everything else as the paper has it."""
COSTS = ("seconds", "processor_seconds", "iterations")
QUALITY = ("hair_iou", "true_lpips", "colour_error")


def main(
    tuples: Annotated[int, typer.Option("--tuples", help="A third of them from each category.")] = 36,
    only: Annotated[list[str], typer.Option("--only")] = [BASE, FAST, *ALONE],  # noqa: B006
    settings: Annotated[str, typer.Option("--settings")] = "config/default.yaml",
    seed: Annotated[int, typer.Option("--seed", help="Of portraits and tuples.")] = 0,
    batch: Annotated[int, typer.Option("--batch", help="Tuples computed together.")] = 6,
    stop_after: Annotated[float, typer.Option("--stop-after", help="Seconds; begins no batch after.")] = 1e9,
    folder: Annotated[Path, typer.Option("--folder", help="For finished batches.")] = Path("fast_profile"),
    json: Annotated[Path | None, typer.Option("--json", help="Where to write the report.")] = None,
) -> None:
    """Compute what is missing, and report on the tuples that are there."""
    started = time.monotonic()
    workers = configure_threads(1)
    from loho_bench.evaluation.world import Effort, render_world
    from loho_bench.settings.loading import load_settings

    effort = Effort(portraits=480, probe_portraits=0, tuples_per_category=-(-tuples // 3))
    world = render_world(folder, seed, load_settings(settings), effort, workers)
    methods: dict[str, Any] = {}
    for first in range(0, tuples, batch):
        for name in only:
            path = folder / f"{name.replace(' ', '-')}-{first:04d}.json"
            if path.is_file() or time.monotonic() - started > stop_after:
                continue
            if name not in methods:
                methods[name] = build(world, name)
            compute(world, methods[name], range(first, min(first + batch, tuples)), path)
            print(f"{time.monotonic() - started:.0f} s: {name}, tuples from {first}", flush=True)
    report({name: read(folder, name) for name in only}, json)


def build(world: World, name: str) -> Any:
    """Build LOHO, its fast profile, or one of the accelerations by itself."""
    from loho_bench.evaluation.transfers import build_method, jobs_of
    from loho_bench.methods.resources import load_resources

    chosen = world.settings
    if name in ALONE:
        chosen = chosen.model_copy(update={"methods": {**chosen.methods, FAST: OFF | ALONE[name]}})
        name = FAST
    return build_method(name, chosen, load_resources(chosen, jobs_of(name)))


def compute(world: World, method: Any, which: range, path: Path) -> None:
    """Transfer some tuples together, measure and keep them."""
    from loho_bench.evaluation.transfers import score_transfers, true_answers
    from loho_bench.methods.resources import load_resources
    from loho_bench.storage import write_json as keep_json
    from loho_bench.training.tuples import make_batch

    thirds = len(world.tuples) // 3
    # Every batch has tuples of all categories.
    part = [world.tuples[i % 3 * thirds + i // 3] for i in which]
    batch = make_batch(world.portraits(), part, world.seed)
    # Judges of their own, in float32: the method lets its features compute in its precision.
    transfer = world.settings.transfer.model_copy(update={"precision": "float32"})
    judges = load_resources(world.settings.model_copy(update={"transfer": transfer}), ("features", "parser"))
    started, used = time.perf_counter(), time.process_time()
    found = method.transfer(batch)
    costs = {
        "seconds": (time.perf_counter() - started) / len(batch),
        "processor_seconds": (time.process_time() - used) / len(batch),
    }
    scores = score_transfers(found, batch, part, true_answers(world.portraits(), part), judges)
    iterations = found.traces["face"].isfinite().sum(0).tolist()
    rows = [
        {"tuple": name, "category": score.category, "iterations": count, **costs}
        | {quality: getattr(score, quality) for quality in QUALITY}
        for name, score, count in zip(batch.tuple_ids, scores, iterations, strict=True)
    ]
    keep_json(rows, path)


def read(folder: Path, name: str) -> pd.DataFrame:
    """Return a row for every tuple that is there."""
    import pandas as pd

    from loho_bench.storage import read_json

    paths = sorted(folder.glob(f"{name.replace(' ', '-')}-[0-9]*.json"))
    rows = [row for path in paths for row in read_json(path)]
    columns = ["tuple", "category", *COSTS, *QUALITY]
    return pd.DataFrame(rows, columns=columns).set_index("tuple")


def report(tables: dict[str, pd.DataFrame], json: Path | None) -> None:
    """Print a line for every variant, and write all numbers."""
    from loho_bench.metrics.statistics import paired_difference

    found: dict[str, Any] = {}
    heads = ("variant", "tuples", *COSTS, *(f"{quality}, against loho" for quality in QUALITY))
    print(" | ".join(heads), " | ".join(["---"] * len(heads)), sep="\n")
    for name, table in tables.items():
        values = {column: float(table[column].mean()) for column in (*COSTS, *QUALITY)}
        differences, cells = {}, [f"{values[cost]:.1f}" for cost in COSTS]
        for quality in QUALITY:
            cells.append(f"{values[quality]:.4f}")
            if name != BASE and BASE in tables:
                change = paired_difference(table[quality], tables[BASE][quality], seed=0)
                differences[quality] = {"mean": change.value, "low": change.low, "high": change.high}
                cells[-1] += f", {change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}]"
        found[name] = {"tuples": len(table), **values, "against_loho": differences}
        print(" | ".join((name, str(len(table)), *cells)))
    write_json(json, {"machine": machine(), "variants": found})


if __name__ == "__main__":
    typer.run(main)
