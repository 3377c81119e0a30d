"""Comparisons as people and programs read them."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import Any

import pandas as pd

from loho_bench.parity.comparison import Comparison
from loho_bench.parity.run import Outcome

_HEADINGS = ("component", "case", "absolute", "relative", "tolerance", "measure", "ok")


def to_text(outcome: Outcome) -> str:
    """Return the table of all comparisons, notes below their rows, and the closing line."""
    rows = [
        (
            *(one.component, one.case, _number(one.absolute), _number(one.relative)),
            *(_tolerance(one.tolerance), one.measure, "yes" if one.ok else "NO"),
        )
        for one in outcome.comparisons
    ]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    lines = [_line(_HEADINGS, widths), _line(["-" * width for width in widths], widths)]
    for one, row in zip(outcome.comparisons, rows, strict=True):
        lines.append(_line(row, widths))
        if one.note:
            lines.append(f"{' ' * widths[0]}    ^ {one.note}")
    return "\n".join([*lines, "", *_remarks(outcome), outcome.closing_line()])


def to_markdown(outcome: Outcome) -> str:
    """Return a short table for documents: the worst of each component by what was measured, how often."""
    lines = [
        "| component | measured as | tolerance | comparisons | largest | worst case |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]

    def key(one: Comparison) -> tuple[str, str, float]:
        return one.component, one.measure, one.tolerance

    order = {name: i for i, name in enumerate(outcome.seconds)}
    ordered = sorted(outcome.comparisons, key=lambda one: (order[one.component], *key(one)))
    for (component, measure, tolerance), group in groupby(ordered, key):
        members = list(group)
        worst = max(members, key=lambda one: one.severity)
        case = worst.case.replace("|", "\\|") if worst.severity else "–"
        lines.append(
            f"| {component} | {measure} | {_tolerance(tolerance)} | {len(members)} "
            f"| {_number(worst.relative)} | {case}{'' if worst.ok else ' (out of tolerance)'} |"
        )
    return "\n".join([*lines, "", *_remarks(outcome), outcome.closing_line()])


def to_frame(outcome: Outcome) -> pd.DataFrame:
    """Return a row for every comparison."""
    columns = list(Comparison.__dataclass_fields__)
    return pd.DataFrame([asdict(one) for one in outcome.comparisons], columns=columns)


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Return everything, ready for JSON: numbers that are none become null."""
    return {
        "comparisons": [_finite(asdict(one)) for one in outcome.comparisons],
        "passed": outcome.passed,
        "total": len(outcome.comparisons),
        "seconds": {name: round(value, 3) for name, value in outcome.seconds.items()},
        "not_in_this_folder": list(outcome.absent),
        "not_computed_here": list(outcome.unknown),
    }


def _remarks(outcome: Outcome) -> list[str]:
    absent = [f"{name}: not in this folder" for name in outcome.absent]
    return absent + [f"{name}: in the folder, but nothing here computes it" for name in outcome.unknown]


def _line(texts: Any, widths: list[int]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(texts, widths, strict=True)).rstrip()


def _number(value: float) -> str:
    return "0" if value == 0 else f"{value:.2e}"


def _tolerance(value: float) -> str:
    return f"{value:.0e}" if value else "0"


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    none = (float("inf"), float("-inf"))
    return {
        key: None if isinstance(value, float) and (value != value or value in none) else value
        for key, value in values.items()
    }
