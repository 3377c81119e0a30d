"""The whole evaluation of one seed: jobs in processes side by side, one dictionary of figures."""

from __future__ import annotations

import dataclasses
import math
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from loho_bench.evaluation.bounds import judge
from loho_bench.evaluation.jobs import run_jobs
from loho_bench.evaluation.parts import parts
from loho_bench.evaluation.world import Effort, render_world
from loho_bench.methods.resources import choose_precision, describe_device
from loho_bench.portraits.synthetic.version import renderer_hash
from loho_bench.progress import get_logger
from loho_bench.provenance import versions
from loho_bench.settings.project import Settings
from loho_bench.storage import file_sha256
from loho_bench.weights.embedded import FOLDER


def evaluate(
    seed: int,
    settings: Settings,
    *,
    workers: int = 1,
    effort: Effort | None = None,
    prepare: Callable[[], Any] | None = None,
) -> dict[str, Any]:
    """Measure the embedded world on portraits of ``seed``.

    The figures depend on seed, settings, effort, weights and the processor's arithmetic alone, not on
    ``workers``.

    Parameters
    ----------
    seed : int
    settings : Settings
        ``tuples``, ``transfer``, ``loho`` and ``methods`` say how hair is transferred.
    workers : int
        Processes, one thread each.
    effort : Effort, optional
    prepare : callable, optional
        Called first in every process, to set its number of threads.

    Returns
    -------
    dict
        The figures by name, ``bounds`` (each with its value and whether it is kept) and ``provenance``.
    """
    effort, started, log = effort or Effort(), time.monotonic(), get_logger("evaluation")
    with tempfile.TemporaryDirectory(prefix="loho-bench-") as folder:
        world = render_world(Path(folder), seed, settings, effort, workers)
        seconds: dict[str, float] = {"rendering": time.monotonic() - started}
        figures: dict[str, Any] = {}
        todo = parts()
        jobs = [(part, job) for part in todo for job in range(part.jobs(world))]
        log.info("%d parts in %d jobs, %d at a time", len(todo), len(jobs), workers)
        results: dict[str, dict[int, Any]] = {part.name: {} for part in todo}
        work = [partial(part.run, world, job) for part, job in jobs]
        for done, (position, result, took) in enumerate(run_jobs(work, workers, prepare), start=1):
            part, job = jobs[position]
            results[part.name][job] = result
            seconds[part.name] = seconds.get(part.name, 0.0) + took
            log.info("%s: %.0f s; %d of %d jobs done", part.name, took, done, len(jobs))
        for part in todo:
            figures |= part.summarize([results[part.name][job] for job in sorted(results[part.name])])
    figures["weights_megabytes"] = sum(path.stat().st_size for path in _weight_files()) / 1e6
    figures["seconds"] = round(time.monotonic() - started, 1)
    provenance = _provenance(seed, settings, effort, workers, seconds)
    bounds = [dataclasses.asdict(verdict) for verdict in judge(figures)]
    return _plain({**figures, "bounds": bounds, "provenance": provenance})


def _plain(value: Any) -> Any:
    """Return ``value`` with None for the numbers that JSON cannot write."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _weight_files() -> list[Path]:
    return sorted(FOLDER.glob("*.safetensors"))


def _provenance(
    seed: int, settings: Settings, effort: Effort, workers: int, seconds: dict[str, float]
) -> dict[str, Any]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return {
        "seed": seed,
        "versions": versions(),
        "renderer": renderer_hash(),
        "weights": {path.stem: file_sha256(path) for path in _weight_files()},
        "settings": settings.model_dump(mode="json"),
        "effort": dataclasses.asdict(effort),
        "date": time.strftime("%Y-%m-%d %H:%M:%S%z"),
        "machine": describe_device(device),
        "precision_of_transfers": choose_precision(settings.transfer.precision, device),
        "processes": workers,
        "seconds_of_work": {name: round(value, 1) for name, value in seconds.items()},
    }
