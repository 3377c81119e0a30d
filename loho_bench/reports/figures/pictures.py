"""The pictures of a tuple, and tuples by the rules that figures state."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from loho_bench.metrics.scores import SCORES, Score
from loho_bench.metrics.scoring_inputs import load_result
from loho_bench.reports.figures.catalogue import NothingToShow
from loho_bench.reports.figures.sheet import Cell, Column, Picture, Row, Sheet
from loho_bench.reports.run import CATEGORIES, OVERALL, Run

INPUTS, REFERENCE, RESULTS = "inputs", "reference", "results"
_ANSWER = "true answer"


def references(run: Run, row: pd.Series) -> Cell:
    """Structure above appearance, as in the narrow column of the paper's figures."""
    return Cell(tuple(Picture(run.inputs.image(row[role])) for role in ("structure", "appearance")))


def portrait(run: Run, row: pd.Series, role: str) -> Cell:
    """Return one input of a tuple."""
    return Cell((Picture(run.inputs.image(row[role])),))


def answers(run: Run, row: pd.Series) -> tuple[Cell, ...]:
    """The true answer of a tuple: one cell for synthetic portraits, none for others."""
    return (Cell((Picture(run.inputs.true_answer(row).image),)),) if run.inputs.synthetic else ()


def answer_columns(run: Run, group: str = REFERENCE) -> tuple[Column, ...]:
    """The columns that go with :func:`answers`."""
    return (Column(_ANSWER, group),) if run.inputs.synthetic else ()


def result(run: Run, method: str, row: pd.Series) -> Cell:
    """Return what a method made of a tuple, or the place where it failed."""
    found = result_row(run, method, row["tuple_id"])
    failed = found["status"] != "ok"
    return Cell((Picture(None if failed else load_result(run.root / found["portrait"])),))


def result_row(run: Run, method: str, tuple_id: str) -> pd.Series:
    """Return the runner's row of a tuple."""
    rows = run.results(method)
    return rows[rows["tuple_id"] == tuple_id].iloc[0]


def finished(run: Run, methods: Sequence[str], *categories: str) -> pd.DataFrame:
    """Return the tuples of some categories that all of ``methods`` finished, in the order of drawing."""
    tuples = run.of_category(*categories)
    for method in methods:
        rows = run.results(method)
        tuples = tuples[tuples["tuple_id"].isin(rows.loc[rows["status"] == "ok", "tuple_id"])]
    return tuples


def first_of_each_category(run: Run, methods: Sequence[str], count: int) -> pd.DataFrame:
    """Return the first tuples of each category that all of ``methods`` finished."""
    return pd.concat([finished(run, methods, category).head(count) for category in CATEGORIES])


def by_value(run: Run, method: str, score: Score, tuples: pd.DataFrame, *, largest: bool) -> pd.DataFrame:
    """Return the tuples that have a score, from one end of it; equal values in the order of the tuples."""
    values = tuples["tuple_id"].map(run.values(method, score)).dropna()
    return tuples.loc[values.sort_values(ascending=not largest, kind="stable").index]


def score_of(run: Run, metric: str, *againsts: str) -> Score:
    """Return the score of transfers of this run by a metric, against the first of ``againsts`` it has."""
    for against in againsts:
        for score in SCORES:
            declared = (score.metric.name, score.against) == (metric, against)
            if declared and score.applies(OVERALL, run.inputs.synthetic):
                return score
    raise NothingToShow(f"transfers of this run have no {metric}")


def side_by_side(
    run: Run,
    tuples: pd.DataFrame,
    methods: Sequence[str],
    cell: Callable[[Run, str, pd.Series], Cell] = result,
    label: Callable[[pd.Series], str] = lambda row: row["category"].capitalize(),
) -> Sheet:
    """Return references, identity, the ``cell`` of every method and the true answer, a row a tuple."""
    if tuples.empty:
        raise NothingToShow("no tuple was finished")
    columns = (
        Column("references", INPUTS, narrow=True),
        Column("identity", INPUTS),
        *(Column(run.label(method), RESULTS) for method in methods),
        *answer_columns(run),
    )
    rows = tuple(
        Row(
            label(row),
            row["tuple_id"],
            (
                references(run, row),
                portrait(run, row, "identity"),
                *(cell(run, method, row) for method in methods),
                *answers(run, row),
            ),
        )
        for _, row in tuples.iterrows()
    )
    return Sheet(columns, rows)
