"""Every method against every other on the same tuples: differences, intervals, shares of tuples won."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import pandas as pd

from loho_bench.metrics.scores import Score
from loho_bench.metrics.statistics import Comparison
from loho_bench.reports.run import Run
from loho_bench.reports.tables.formats import (
    counts,
    interval_cells,
    interval_columns,
    score_heading,
)
from loho_bench.reports.tables.model import Cell, Table
from loho_bench.reports.tables.scores import known, transfer_scores

BASE = "loho"
"""The method that others are compared with where only one comparison is shown."""


def paired_table(run: Run, methods: Sequence[str]) -> Table:
    """Return comparisons by every score: with :data:`BASE` for readers, of all pairs in the csv.

    Without :data:`BASE` among ``methods``, readers see comparisons with the first of them.
    """
    base = BASE if BASE in methods else methods[0]
    others = [method for method in methods if method != base]
    scores = [score for score in transfer_scores(run) if score.metric.higher_is_better is not None]
    shown = {(other, score): run.comparison(other, base, score) for other in others for score in scores}
    columns = [_column([shown[other, score] for other in others], score) for score in scores]
    rows = tuple(
        (
            Cell(run.label(other)),
            *(column[i] for column in columns),
            Cell(counts(known(shown[other, score].difference for score in scores))),
        )
        for i, other in enumerate(others)
    )
    return Table(
        name="paired",
        title=f"Each method against {run.label(base)} on the same tuples",
        header=("Method", *map(score_heading, scores), "Pairs"),
        rows=rows,
        data=pd.DataFrame(
            _row(run, first, second, score) for first, second in combinations(methods, 2) for score in scores
        ),
        notes=(
            f"Mean difference, method minus {run.label(base)}, with its "
            f"{run.settings.reports.confidence:.0%} interval, bootstrap over pairs, and the share of "
            "tuples on which the method is better. Bold: the whole interval lies on the better side of "
            "0. A tuple that either failed is in no pair, and counted. The csv compares all pairs of "
            "methods.",
        ),
    )


def _column(comparisons: Sequence[Comparison], score: Score) -> list[Cell]:
    cells = interval_cells([found.difference for found in comparisons], signed=True)
    return [
        Cell(cell.text, f"{cell.note} {_share(found.won)}".strip(), _clearly_better(found, score))
        for cell, found in zip(cells, comparisons, strict=True)
    ]


def _share(won: float) -> str:
    return "" if math.isnan(won) else f"{won:.0%}"


def _clearly_better(found: Comparison, score: Score) -> bool:
    difference = found.difference
    return difference.low > 0 if score.metric.higher_is_better else difference.high < 0


def _row(run: Run, first: str, second: str, score: Score) -> dict[str, object]:
    found = run.comparison(first, second, score)
    return {
        "first": first,
        "second": second,
        "metric": score.metric.name,
        "against": score.against,
        **interval_columns(found.difference, "difference"),
        "confidence": found.difference.confidence,
        "n_pairs": found.difference.n,
        "failed": found.difference.failed,
        "first_better": found.won,
        "tied": found.tied,
        "unit": score.metric.unit,
        "higher_is_better": score.metric.higher_is_better,
    }
