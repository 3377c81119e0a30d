"""The parts of the evaluation, cut into jobs that depend on nothing but the world and their number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loho_bench.annotation.embedded import embedded_landmarks, embedded_parser
from loho_bench.evaluation import inversions
from loho_bench.evaluation.annotators import measure_landmarks, measure_parser
from loho_bench.evaluation.inversions import measure_inversions, summarize_inversions
from loho_bench.evaluation.perception import measure_judgements, measure_probes
from loho_bench.evaluation.samples import draw_samples, measure_samples
from loho_bench.evaluation.transfers import (
    TransferScore,
    build_method,
    jobs_of,
    score_transfers,
    summarize_transfers,
    true_answers,
)
from loho_bench.evaluation.world import World, first_portraits
from loho_bench.methods.resources import load_resources
from loho_bench.settings.project import TransferSettings
from loho_bench.training.tuples import make_batch
from loho_bench.weights.embedded import load_features, load_generator

METHODS = ("loho", "loho-no-go")
"""Methods whose transfers are judged; the figures ``transfer_...`` are those of the first."""


@dataclass(frozen=True)
class Part:
    """A part of the evaluation.

    Attributes
    ----------
    name : str
        In progress lines and among the seconds of the result.
    jobs : callable
        Gives the number of jobs that it is cut into; every job gives the same result in any process.
    run : callable
        ``(world, number of the job) -> result``, which can be sent between processes.
    summarize : callable
        Makes figures by name of the results of all jobs, in their order.
    """

    name: str
    jobs: Callable[[World], int]
    run: Callable[[World, int], Any]
    summarize: Callable[[Sequence[Any]], dict[str, Any]]


def parts() -> list[Part]:
    """Return all parts, those with the longest jobs first: so the last ones to end are short."""
    return [
        Part("inversion", _inversion_jobs, _invert, summarize_inversions),
        Part("samples", _one_job, _samples, _only),
        Part("probes", _one_job, _probes, _only),
        *(Part(f"transfers with {name}", _transfer_jobs, _Transfers(name), _Named(name)) for name in METHODS),
        Part("parser", _one_job, _parser, _only),
        Part("judgements", _one_job, _judgements, _only),
        Part("landmarks", _one_job, _landmarks, _only),
    ]


def _one_job(world: World) -> int:
    return 1


def _only(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return results[0]


def _inversion_jobs(world: World) -> int:
    return math.ceil(min(world.effort.inverted, world.effort.portraits) / inversions.AT_ONCE)


def _invert(world: World, job: int) -> inversions.Inversions:
    portraits, effort = world.portraits(), world.effort
    last = min(effort.inverted, len(portraits))
    index = np.arange(job * inversions.AT_ONCE, min((job + 1) * inversions.AT_ONCE, last))
    return measure_inversions(
        load_generator(),
        load_features(),
        embedded_parser(),
        portraits,
        index,
        steps=effort.inversion_steps,
        seed=world.derive("inversion"),
    )


def _samples(world: World, job: int) -> dict[str, Any]:
    samples = draw_samples(load_generator(), world.effort.samples, world.derive("samples"))
    return measure_samples(
        samples,
        first_portraits(world.portraits(), len(samples)).images,
        embedded_parser(),
        embedded_landmarks(),
        steps=world.effort.classifier_steps,
        seed=world.derive("classifier"),
    )


def _probes(world: World, job: int) -> dict[str, Any]:
    return measure_probes(load_features(), world.probe_portraits(), world.portraits())


def _judgements(world: World, job: int) -> dict[str, Any]:
    return measure_judgements(
        load_features(),
        world.portraits(),
        batches=world.effort.judgement_batches,
        seed=world.derive("judgements"),
    )


def _parser(world: World, job: int) -> dict[str, Any]:
    return measure_parser(embedded_parser(), world.portraits())


def _landmarks(world: World, job: int) -> dict[str, Any]:
    return measure_landmarks(embedded_landmarks(), world.portraits())


def _transfer_jobs(world: World) -> int:
    return math.ceil(len(world.tuples) / _batch_size(world))


def _batch_size(world: World) -> int:
    """What fits into memory must not reach the figures: "auto" is the default size."""
    wanted = world.settings.transfer.batch_size
    return TransferSettings().batch_size if wanted == "auto" else wanted


@dataclass(frozen=True)
class _Transfers:
    """Transfers of one batch of tuples with one method."""

    method: str

    def __call__(self, world: World, job: int) -> list[TransferScore]:
        size, portraits = _batch_size(world), world.portraits()
        tuples = world.tuples[job * size : (job + 1) * size]
        resources = load_resources(world.settings, jobs_of(self.method))
        batch = make_batch(portraits, tuples, world.seed)
        transfer = build_method(self.method, world.settings, resources).transfer(batch)
        return score_transfers(transfer, batch, tuples, true_answers(portraits, tuples), resources)


@dataclass(frozen=True)
class _Named:
    """Figures of one method; those of the methods after the first below its name."""

    method: str

    def __call__(self, results: Sequence[list[TransferScore]]) -> dict[str, Any]:
        figures = summarize_transfers(score for scores in results for score in scores)
        return figures if self.method == METHODS[0] else {f"transfers_{self.method}": figures}
