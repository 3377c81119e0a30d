"""Scores and costs of the transfers: a method a row for readers, and by category in the csv."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from loho_bench.metrics.cost import COSTS
from loho_bench.metrics.scoring import SCORES, Score
from loho_bench.reports.formats import Cell, Table, counts, interval_cells
from loho_bench.reports.run import CATEGORIES, OVERALL, Run, method_label


def scores_table(run: Run, methods: Sequence[str]) -> Table:
    """Return every score of the transfers of every method."""
    scores = [score for score in _transfer_scores(run) if score.metric not in COSTS]
    return _table("scores", "Scores of the transfers", run, methods, scores)


def costs_table(run: Run, methods: Sequence[str]) -> Table:
    """Return time and memory of the transfers of every method."""
    costs = [score for score in _transfer_scores(run) if score.metric in COSTS]
    return _table("costs", "What a transfer costs", run, methods, costs)


def _transfer_scores(run: Run) -> list[Score]:
    return [score for score in SCORES if score.applies(OVERALL, run.inputs.synthetic)]


def _table(name: str, title: str, run: Run, methods: Sequence[str], scores: Sequence[Score]) -> Table:
    summaries = {
        (method, score, category): run.summary(method, score, category)
        for method in methods
        for score in scores
        for category in (OVERALL, *CATEGORIES)
    }
    columns = [
        interval_cells(
            [summaries[method, score, OVERALL] for method in methods], score.metric.higher_is_better
        )
        for score in scores
    ]
    rows = tuple(
        (
            Cell(method_label(method)),
            *(column[i] for column in columns),
            Cell(counts(summaries[method, score, OVERALL] for score in scores)),
        )
        for i, method in enumerate(methods)
    )
    data = pd.DataFrame(
        {
            "method": method,
            "category": category,
            "metric": score.metric.name,
            "against": score.against,
            "mean": interval.value,
            "low": interval.low,
            "high": interval.high,
            "confidence": interval.confidence,
            "n": interval.n,
            "failed": interval.failed,
            "unit": score.metric.unit,
            "protocol": score.protocol,
            "resolution": run.settings.transfer.resolution,
        }
        for (method, score, category), interval in summaries.items()
    )
    notes = dict.fromkeys(f"{_compared(score)}: {_lower_first(score.protocol)}" for score in scores)
    return Table(name, title, ("Method", *map(_heading, scores), "n"), rows, data, tuple(notes))


def _heading(score: Score) -> str:
    unit = f", {score.metric.unit}" if score.metric.unit else ""
    return f"{score.label}{unit} {score.metric.arrow}".strip()


def _compared(score: Score) -> str:
    return "PSNR, SSIM, LPIPS" if score.needs_answer else score.label


def _lower_first(text: str) -> str:
    return text[0].lower() + text[1:]
