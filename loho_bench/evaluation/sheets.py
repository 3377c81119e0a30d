"""Contact sheets of the embedded world, on portraits that nothing was trained on; none is picked by eye."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from loho_bench.evaluation.contact_sheet import contact_sheet
from loho_bench.evaluation.jobs import run_jobs
from loho_bench.evaluation.parts import METHODS
from loho_bench.evaluation.samples import draw_samples
from loho_bench.evaluation.transfers import build_method, jobs_of, true_answers
from loho_bench.evaluation.world import Effort, World, render_world
from loho_bench.methods.catalogue import default_registry
from loho_bench.methods.resources import load_resources
from loho_bench.portraits.images import to_uint8
from loho_bench.progress import get_logger
from loho_bench.settings.project import Settings
from loho_bench.storage import write_png
from loho_bench.training.inversion import invert
from loho_bench.training.tuples import ROLES, make_batch
from loho_bench.weights.embedded import load_features, load_generator


@dataclass(frozen=True)
class SheetSizes:
    """How much is shown: columns, rows of renders, steps of the inversions, tuples of each category."""

    columns: int = 6
    rows: int = 4
    inversion_steps: tuple[int, ...] = (100, 400)
    tuples_per_category: int = 2
    portraits: int = 480
    """To draw the tuples from."""


def write_sheets(
    out: str | Path,
    seed: int,
    settings: Settings,
    *,
    workers: int = 1,
    sizes: SheetSizes | None = None,
    prepare: Callable[[], Any] | None = None,
) -> list[Path]:
    """Write ``sheet-renders.png``, ``-samples``, ``-inversions`` and ``-transfers``, and return their paths.

    Parameters
    ----------
    out : str or Path
        Folder.
    seed : int
        Draws portraits, samples and tuples.
    settings : Settings
        ``tuples``, ``transfer``, ``loho`` and ``methods`` say how hair is transferred.
    workers, prepare
        As for :func:`~loho_bench.evaluation.evaluate.evaluate`.
    sizes : SheetSizes, optional
    """
    sizes, log = sizes or SheetSizes(), get_logger("evaluation")
    effort = Effort(
        portraits=sizes.portraits, probe_portraits=0, tuples_per_category=sizes.tuples_per_category
    )
    with tempfile.TemporaryDirectory(prefix="loho-bench-") as folder:
        world = render_world(Path(folder), seed, settings, effort, workers)
        work = {
            f"inversion-{steps}": partial(_invert, world, sizes, steps) for steps in sizes.inversion_steps
        }
        work |= {name: partial(_transfer, world, name) for name in METHODS}
        work["samples"] = partial(_samples, world, sizes)
        names = sorted(work, key=lambda name: name != f"inversion-{max(sizes.inversion_steps)}")
        found: dict[str, np.ndarray] = {}
        for position, images, seconds in run_jobs([work[name] for name in names], workers, prepare):
            found[names[position]] = images
            log.info("%s: %.0f s; %d of %d done", names[position], seconds, len(found), len(names))
        pictures = {
            "renders": _renders_sheet(world, sizes),
            "samples": _samples_sheet(world, sizes, found["samples"]),
            "inversions": _inversions_sheet(world, sizes, found),
            "transfers": _transfers_sheet(world, found),
        }
    paths = [Path(out) / f"sheet-{name}.png" for name in pictures]
    for path, picture in zip(paths, pictures.values(), strict=True):
        # The lowest bit is not seen, and a fifth of the file.
        write_png(picture & 0xFE, path)
    return paths


def _invert(world: World, sizes: SheetSizes, steps: int) -> np.ndarray:
    images = world.portraits().batch(np.arange(sizes.columns))
    return to_uint8(invert(load_generator(), load_features(), images, steps, world.derive("inversion")))


def _transfer(world: World, method: str) -> np.ndarray:
    resources = load_resources(world.settings, jobs_of(method))
    batch = make_batch(world.portraits(), world.tuples, world.seed)
    return to_uint8(build_method(method, world.settings, resources).transfer(batch).images)


def _samples(world: World, sizes: SheetSizes) -> np.ndarray:
    return draw_samples(load_generator(), sizes.columns * sizes.rows // 2, world.derive("samples"))


def _renders_sheet(world: World, sizes: SheetSizes) -> np.ndarray:
    return contact_sheet(_in_rows(world.portraits().images[: sizes.columns * sizes.rows], sizes.columns))


def _samples_sheet(world: World, sizes: SheetSizes, samples: np.ndarray) -> np.ndarray:
    renders = _in_rows(world.portraits().images[: len(samples)], sizes.columns)
    rows = _in_rows(samples, sizes.columns)
    labels = ["renders"] * len(renders) + ["samples"] * len(rows)
    return contact_sheet([*renders, *rows], row_labels=labels)


def _inversions_sheet(world: World, sizes: SheetSizes, found: dict[str, np.ndarray]) -> np.ndarray:
    rows = [world.portraits().images[: sizes.columns]]
    rows += [found[f"inversion-{steps}"] for steps in sizes.inversion_steps]
    labels = ["portrait", *(f"{steps} steps" for steps in sizes.inversion_steps)]
    return contact_sheet(rows, row_labels=labels)


def _transfers_sheet(world: World, found: dict[str, np.ndarray]) -> np.ndarray:
    portraits, registry = world.portraits(), default_registry()
    answers = true_answers(portraits, world.tuples)
    rows = [
        [
            *(portraits.images[getattr(chosen, role)] for role in ROLES),
            *(found[name][position] for name in METHODS),
            answers[position].image,
        ]
        for position, chosen in enumerate(world.tuples)
    ]
    headings = [*ROLES, *(registry.get(name).label for name in METHODS), "true answer"]
    return contact_sheet(rows, headings, [chosen.category for chosen in world.tuples])


def _in_rows(images: np.ndarray, columns: int) -> list[np.ndarray]:
    return [images[start : start + columns] for start in range(0, len(images), columns)]
