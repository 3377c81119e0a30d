"""Scores and costs of the transfers: a method a row for readers, and by category in the csv."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from loho_bench.metrics.cost import COSTS
from loho_bench.metrics.scores import SCORES, Score
from loho_bench.metrics.statistics import Interval
from loho_bench.reports.run import CATEGORIES, OVERALL, Run
from loho_bench.reports.tables.formats import counts, interval_cells, interval_columns, score_heading
from loho_bench.reports.tables.model import Cell, Table


def transfer_scores(run: Run) -> list[Score]:
    """Return the scores that transfers of this run have, costs aside."""
    return [score for score in _applying(run) if score.metric not in COSTS]


def transfer_costs(run: Run) -> list[Score]:
    """Return time and memory of transfers."""
    return [score for score in _applying(run) if score.metric in COSTS]


def scores_table(run: Run, methods: Sequence[str]) -> Table:
    """Return every score of the transfers of every method."""
    return _table("scores", "Scores of the transfers", run, methods, transfer_scores(run))


def costs_table(run: Run, methods: Sequence[str]) -> Table:
    """Return seconds and peak memory a tuple of the transfers of every method."""
    return _table("costs", "What a transfer costs, a tuple", run, methods, transfer_costs(run))


def _applying(run: Run) -> list[Score]:
    return [score for score in SCORES if score.applies(OVERALL, run.inputs.synthetic)]


def _table(name: str, title: str, run: Run, methods: Sequence[str], scores: Sequence[Score]) -> Table:
    summaries = {
        (method, score, category): run.summary(method, score, category)
        for method in methods
        for score in scores
        for category in (OVERALL, *CATEGORIES)
    }
    competing = [run.spec(method).role == "method" for method in methods]
    columns = [
        interval_cells(
            [summaries[method, score, OVERALL] for method in methods],
            score.metric.higher_is_better,
            competing,
        )
        for score in scores
    ]
    rows = tuple(
        (
            Cell(run.label(method)),
            *(column[i] for column in columns),
            Cell(counts(known(summaries[method, score, OVERALL] for score in scores))),
        )
        for i, method in enumerate(methods)
    )
    data = pd.DataFrame(
        {
            "method": method,
            "category": category,
            "metric": score.metric.name,
            "against": score.against,
            **interval_columns(interval, "mean"),
            "confidence": interval.confidence,
            "n": interval.n,
            "failed": interval.failed,
            "unit": score.metric.unit,
            "protocol": score.protocol,
            "resolution": run.settings.transfer.resolution,
        }
        for (method, score, category), interval in summaries.items()
    )
    header = ("Method", *map(score_heading, scores), "n")
    return Table(name, title, header, rows, data, protocols(scores))


def protocols(scores: Sequence[Score]) -> tuple[str, ...]:
    """Return how each score is computed, one note for those that are computed alike."""
    labels: dict[str, list[str]] = {}
    for score in scores:
        labels.setdefault(score.protocol, []).append(score.label)
    return tuple(f"{', '.join(names)}: {_lower_first(text)}" for text, names in labels.items())


def known(intervals: Iterable[Interval]) -> list[Interval]:
    """Leave out scores that a method has none of: it was not asked for them."""
    return [interval for interval in intervals if interval.n or interval.failed]


def _lower_first(text: str) -> str:
    return text[0].lower() + text[1:]
