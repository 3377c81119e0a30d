"""How numbers, intervals and counts read in a cell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from loho_bench.metrics.scores import Score
from loho_bench.metrics.statistics import Interval
from loho_bench.reports.paper import PaperValue
from loho_bench.reports.tables.model import MISSING, Cell


def decimals(values: Iterable[float]) -> int:
    """Return how many decimals a column needs so that its largest value shows about four digits."""
    finite = [abs(value) for value in values if value is not None and math.isfinite(value)]
    largest = max(finite, default=0.0)
    return 3 if largest < 10 else 2 if largest < 100 else 1 if largest < 1000 else 0


def number(value: float | None, digits: int, *, signed: bool = False) -> str:
    """Return a number with a true minus sign, ``–`` where there is none; ``signed`` also writes the plus."""
    if value is None or math.isnan(value):
        return MISSING
    text = "∞" if math.isinf(value) else f"{abs(value):.{digits}f}"
    zero = not math.isinf(value) and float(text) == 0
    sign = "" if zero else "−" if value < 0 else "+" if signed else ""
    return sign + text


def interval_note(interval: Interval, digits: int) -> str:
    """Return ``[low, high]``, or nothing where there is no interval."""
    if math.isnan(interval.low) or math.isnan(interval.high):
        return ""
    return f"[{number(interval.low, digits)}, {number(interval.high, digits)}]"


def interval_cells(
    intervals: Sequence[Interval],
    higher_is_better: bool | None = None,
    competing: Sequence[bool] | None = None,
    *,
    signed: bool = False,
) -> list[Cell]:
    """Return a column of estimates with intervals; the best is marked where one direction is better.

    ``competing`` says which rows may be the best, for a floor and a ceiling are no rivals; all may where
    left out.
    """
    digits = decimals(interval.value for interval in intervals)
    texts = [number(interval.value, digits, signed=signed) for interval in intervals]
    rivals = [
        not math.isnan(interval.value) and (competing is None or competing[i])
        for i, interval in enumerate(intervals)
    ]
    best = _best_text(intervals, texts, rivals, higher_is_better)
    return [
        Cell(text, interval_note(interval, digits), best=rival and text == best)
        for text, interval, rival in zip(texts, intervals, rivals, strict=True)
    ]


def _best_text(
    intervals: Sequence[Interval],
    texts: Sequence[str],
    rivals: Sequence[bool],
    higher_is_better: bool | None,
) -> str | None:
    """Text of the best rival's value; equal texts are equally best. None where no two differ."""
    known = [
        (interval.value, text)
        for interval, text, rival in zip(intervals, texts, rivals, strict=True)
        if rival
    ]
    if higher_is_better is None or len({text for _, text in known}) < 2:
        return None
    return (max if higher_is_better else min)(known)[1]


def paper_cell(paper: PaperValue | None) -> Cell:
    """Return a number as the paper prints it."""
    return Cell(paper.text if paper else MISSING)


def difference_cell(paper: PaperValue | None, ours: float) -> Cell:
    """Return ours minus the paper's number, with its sign."""
    if paper is None:
        return Cell(MISSING)
    difference = paper.difference(ours)
    return Cell(number(difference, decimals([difference]), signed=True))


def score_heading(score: Score) -> str:
    """Return label, unit and direction of a score, as a heading."""
    unit = f", {score.metric.unit}" if score.metric.unit else ""
    return f"{score.label}{unit} {score.metric.arrow}".strip()


def counts(intervals: Iterable[Interval]) -> str:
    """Return ``n``, and the failures where there are any, over one or several intervals that share tuples."""
    intervals = list(intervals)
    sizes = sorted({interval.n for interval in intervals})
    failed = max((interval.failed for interval in intervals), default=0)
    text = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]}–{sizes[-1]}" if sizes else "0"
    return f"{text} ({failed} failed)" if failed else text


def interval_columns(interval: Interval, prefix: str = "") -> dict[str, float]:
    """Return an interval as columns of a csv."""
    return {
        prefix or "value": interval.value,
        f"{prefix}_low" if prefix else "low": interval.low,
        f"{prefix}_high" if prefix else "high": interval.high,
    }
