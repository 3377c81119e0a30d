"""Table 2 of the paper: FID of full frames and of hair and face, overall and by category, with KID beside."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from loho_bench.metrics.spec import get_metric
from loho_bench.metrics.statistics import Interval
from loho_bench.reports.paper import OTHER_WORLD, paper_value
from loho_bench.reports.run import CATEGORIES, OVERALL, Run
from loho_bench.reports.tables.fid_rows import fid_interval
from loho_bench.reports.tables.formats import (
    counts,
    decimals,
    difference_cell,
    interval_cells,
    interval_note,
    number,
    paper_cell,
)
from loho_bench.reports.tables.model import Cell, Table

SOURCE = "Table 2"
METRIC_OF_READING = {"full": "fid", "hair+face": "fid_hair_face"}
_SHOWN = (OVERALL, *CATEGORIES)
_CEILING = " The true answer's row is what a perfect transfer of the same tuples would get."


def table2(run: Run, fid_rows: pd.DataFrame, methods: Sequence[str]) -> Table:
    """Return FID and KID of ``methods``, one block of rows a reading, the paper's numbers beside."""
    rows = [row for reading in METRIC_OF_READING for row in _block(run, fid_rows, methods, reading)]
    first = fid_rows.iloc[0]
    ceiling = any(run.spec(method).role == "ceiling" for method in methods)
    return Table(
        name="table2",
        title="Table 2. FID ↓ and KID ↓ by method, reading and category",
        header=(
            "Method",
            "Reading",
            "Paper, FFHQ",
            "This run",
            "Difference",
            *(category.capitalize() for category in CATEGORIES),
            "KID × 1000",
            "n",
        ),
        rows=tuple(rows),
        data=_data(fid_rows, methods),
        notes=(
            *(() if run.photographic else (OTHER_WORLD,)),
            f"Extractor {first['extractor']} ({first['features']} features), resizing '{first['protocol']}', "
            f"{first['resolution']} px, {first['n_reference']} reference portraits "
            f"({first['reference']}). This is the {first['comparable']}.",
            "With few images FID is biased upwards, and more so in a category than overall: compare down a "
            f"column only. KID, here overall, is not biased. Brackets: {first['confidence']:.0%} intervals, "
            "bootstrap over tuples." + (_CEILING if ceiling else ""),
        ),
        left=2,
    )


def _block(run: Run, table: pd.DataFrame, methods: Sequence[str], reading: str) -> list[tuple[Cell, ...]]:
    """Rows of one reading; the best of a column is sought among what is no floor and no ceiling."""
    intervals = {c: [fid_interval(table, method, reading, c) for method in methods] for c in _SHOWN}
    competing = [run.spec(method).role == "method" for method in methods]
    columns = {c: interval_cells(found, False, competing) for c, found in intervals.items()}
    kernels = [fid_interval(table, method, reading, OVERALL, "kid") for method in methods]
    rows = []
    for i, (method, kernel) in enumerate(zip(methods, _thousandths(kernels), strict=True)):
        paper = paper_value(SOURCE, METRIC_OF_READING[reading], method)
        rows.append(
            (
                Cell(run.label(method)),
                Cell(get_metric(METRIC_OF_READING[reading]).label),
                paper_cell(paper),
                columns[OVERALL][i],
                difference_cell(paper, intervals[OVERALL][i].value),
                *(columns[category][i] for category in CATEGORIES),
                kernel,
                Cell(counts([intervals[OVERALL][i]])),
            )
        )
    return rows


def _thousandths(intervals: Sequence[Interval]) -> list[Cell]:
    scaled = [interval.times(1000) for interval in intervals]
    digits = decimals(interval.value for interval in scaled)
    return [Cell(number(interval.value, digits), interval_note(interval, digits)) for interval in scaled]


def _data(fid_rows: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """The rows of ``fid.csv`` of these methods with the paper's numbers, which are of all tuples."""
    rows = fid_rows[fid_rows["method"].isin(methods)].copy()
    found = [
        paper_value(SOURCE, METRIC_OF_READING[row.reading], row.method) if row.category == OVERALL else None
        for row in rows.itertuples()
    ]
    values = [paper.value if paper else float("nan") for paper in found]
    rows.insert(3, "paper_fid", values)
    rows.insert(5, "difference", rows["fid"] - values)
    return rows
