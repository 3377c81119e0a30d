"""Which tuples are shown, and their pictures: the same choice for the figure and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loho_bench.metrics.scoring_inputs import load_result
from loho_bench.reports.run import CATEGORIES, Run, method_label

ROWS_PER_CATEGORY = 2
RULE = (
    "the first {count} tuples of each category, in the order in which they were drawn; none was picked by eye"
)
INPUTS = ("identity", "structure", "appearance")


@dataclass(frozen=True, eq=False)
class Picture:
    """One place in the grid: an image, uint8 ``[S, S, 3]``, or None and the reason why there is none."""

    image: np.ndarray | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class TransferGrid:
    """Headings, how many columns each group of them has, and rows of (category, tuple id, pictures)."""

    headings: tuple[str, ...]
    groups: tuple[tuple[str, int], ...]
    rows: tuple[tuple[str, str, tuple[Picture, ...]], ...]
    rule: str


def transfer_grid(run: Run, methods: Sequence[str], per_category: int = ROWS_PER_CATEGORY) -> TransferGrid:
    """Collect inputs, true answers (synthetic portraits) and every method's result of the tuples shown."""
    synthetic = run.inputs.synthetic
    transfers = run.transfers
    rows = []
    for category in CATEGORIES:
        for _, row in transfers[transfers["category"] == category].head(per_category).iterrows():
            pictures = [Picture(run.inputs.image(row[word])) for word in INPUTS]
            if synthetic:
                pictures.append(Picture(run.inputs.true_answer(row).image))
            pictures += [_result(run, method, row["tuple_id"]) for method in methods]
            rows.append((category, row["tuple_id"], tuple(pictures)))
    answer = (("reference", 1),) if synthetic else ()
    return TransferGrid(
        headings=(*INPUTS, *(("true answer",) if synthetic else ()), *map(method_label, methods)),
        groups=(("inputs", len(INPUTS)), *answer, ("results", len(methods))),
        rows=tuple(rows),
        rule=RULE.format(count=per_category),
    )


def _result(run: Run, method: str, tuple_id: str) -> Picture:
    row: pd.Series = run.results(method).set_index("tuple_id").loc[tuple_id]
    if row["status"] != "ok":
        return Picture(None, str(row["reason"]))
    return Picture(load_result(run.root / row["portrait"]))
