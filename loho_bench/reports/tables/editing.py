"""Section 4.5: what changes where one attribute of the hair is edited, and what stays as it was."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from loho_bench.curation.tuples import EDITS, Edit
from loho_bench.metrics.statistics import Interval
from loho_bench.reports.run import Run
from loho_bench.reports.tables.formats import counts, interval_cells, interval_columns, score_heading
from loho_bench.reports.tables.model import Cell, Table
from loho_bench.reports.tables.scores import known, protocols, transfer_scores

_SHOULD_STAY = "kept"
_SHOULD_CHANGE = "edited"


def editing_table(run: Run, methods: Sequence[str]) -> Table:
    """Return the scores of every kind of edit and method.

    A score against the structure's or the appearance's hair is one of an edited attribute, or, where that is
    the identity's own, of one that should have stayed.
    """
    scores = transfer_scores(run)
    cases = [(edit, method) for edit in EDITS for method in methods]
    summaries = {
        (edit, method, score): run.summary(method, score, edit.category)
        for edit, method in cases
        for score in scores
    }
    columns = [interval_cells([summaries[edit, method, score] for edit, method in cases]) for score in scores]
    rows = []
    for i, (edit, method) in enumerate(cases):
        cells = [
            Cell(column[i].text, f"{column[i].note} {_fate(edit, score.against)}".strip())
            for column, score in zip(columns, scores, strict=True)
        ]
        found = known(summaries[edit, method, score] for score in scores)
        rows.append((Cell(edit.label), Cell(run.label(method)), *cells, Cell(counts(found))))
    return Table(
        name="editing",
        title="Attributes edited one by one and together",
        header=("Edit", "Method", *map(score_heading, scores), "n"),
        rows=tuple(rows),
        data=pd.DataFrame(
            _row(edit, method, score.metric.name, score.against, interval, score.metric.unit)
            for (edit, method, score), interval in summaries.items()
        ),
        notes=(
            f"'{_SHOULD_CHANGE}': how near the edited attribute comes to the portrait that it was taken "
            f"from. '{_SHOULD_STAY}': how well the identity's own was kept where the other one was "
            "edited.",
            *protocols(scores),
        ),
        left=2,
    )


def _fate(edit: Edit, against: str) -> str:
    """Whether what a score compares with is an edited attribute or one that should stay, if it is either."""
    role = against.split(",")[0]
    if role.startswith("identity"):
        return _SHOULD_STAY
    if role not in ("structure", "appearance"):
        return ""
    return _SHOULD_STAY if getattr(edit, role) == "identity" else _SHOULD_CHANGE


def _row(
    edit: Edit, method: str, metric: str, against: str, interval: Interval, unit: str
) -> dict[str, object]:
    return {
        "edit": edit.category,
        "method": method,
        "metric": metric,
        "against": against,
        "attribute": _fate(edit, against),
        **interval_columns(interval, "mean"),
        "confidence": interval.confidence,
        "n": interval.n,
        "failed": interval.failed,
        "unit": unit,
    }
