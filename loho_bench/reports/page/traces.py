"""What the methods recorded while they optimised, thinned for the page: one curve a tuple and quantity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from loho_bench.reports.page.gallery import Shown
from loho_bench.reports.run import Run
from loho_bench.storage import read_table

POINTS = 80
DIGITS = 4
STEP = "step"


@dataclass(frozen=True)
class Quantity:
    """A column of the traces: how a reader calls it, and which of the panels it is drawn in."""

    column: str
    label: str
    panel: str = "losses"


QUANTITIES = (
    Quantity("hair_iou", "Hair IoU", "hair"),
    Quantity("face", "identity (face)"),
    Quantity("structure", "hair structure"),
    Quantity("appearance", "hair appearance"),
    Quantity("style", "hair style"),
    Quantity("noise", "noise maps"),
    Quantity("gradient_cosine", "structure with appearance and style", "gradients"),
)
# Their scales are those of no panel.
_LEFT_OUT = ("gradient_dot", "structure_gradient", "projected_gradient")
Curve = dict[str, list[Any]]


def traces(run: Run, methods: Sequence[Shown], tuple_ids: Sequence[str]) -> dict[str, Any] | None:
    """Return the curves of these tuples as plain data, or None where no method recorded any.

    Keys: ``quantities`` (column, label, panel), ``methods`` (labels), ``tuples`` (ids), ``steps`` (lists of
    iterations) and ``curves``: for each method a list over tuples of None or ``{column: [i, values]}``, where
    ``steps[i]`` are the iterations of the values. Each curve keeps at most :data:`POINTS` of the iterations
    at which its quantity was measured, the first and the last among them; numbers keep four digits.
    """
    steps: dict[tuple[int, ...], int] = {}
    found = {method.label: _of_method(run, method.name, tuple_ids, steps) for method in methods}
    recorded = {label: curves for label, curves in found.items() if any(curves)}
    if not recorded:
        return None
    columns = {column for curves in recorded.values() for curve in curves if curve for column in curve}
    known = [quantity for quantity in QUANTITIES if quantity.column in columns]
    others = sorted(columns - {quantity.column for quantity in known})
    quantities = [*known, *(Quantity(name, name.replace("_", " ")) for name in others)]
    return {
        "quantities": [asdict(quantity) for quantity in quantities],
        "methods": list(recorded),
        "tuples": list(tuple_ids),
        "steps": [list(these) for these in steps],
        "curves": list(recorded.values()),
    }


def _of_method(
    run: Run, method: str, tuple_ids: Sequence[str], steps: dict[tuple[int, ...], int]
) -> list[Curve | None]:
    rows = run.results(method).set_index("tuple_id")
    if "trace" not in rows:
        return [None] * len(tuple_ids)
    paths = rows["trace"].reindex(list(tuple_ids))
    return [
        _thinned(read_table(run.root / path), steps) if isinstance(path, str) and path else None
        for path in paths
    ]


def _thinned(trace: pd.DataFrame, steps: dict[tuple[int, ...], int]) -> Curve | None:
    """Thin every quantity of a trace; iterations that are new are added to ``steps``."""
    curve = {}
    for name in trace.columns.drop(STEP):
        if name in _LEFT_OUT or not pd.api.types.is_numeric_dtype(trace[name]):
            continue
        measured = trace.loc[np.isfinite(trace[name].astype(float)), [STEP, name]]
        if measured.empty:
            continue
        chosen = np.unique(np.linspace(0, len(measured) - 1, min(POINTS, len(measured))).round().astype(int))
        these = tuple(map(int, measured[STEP].iloc[chosen]))
        values = [float(f"{value:.{DIGITS}g}") for value in measured[name].iloc[chosen]]
        curve[name] = [steps.setdefault(these, len(steps)), values]
    return curve or None
