"""One table, three forms: csv for programs, Markdown for repositories, cells for the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from loho_bench.metrics.statistics import Interval
from loho_bench.storage import write_table, write_text

MISSING = "–"


@dataclass(frozen=True)
class Cell:
    """What a reader sees in one place: the text, a smaller note behind it, and whether it is the best."""

    text: str
    note: str = ""
    best: bool = False


@dataclass(frozen=True, eq=False)
class Table:
    """A table for readers (``header``, ``rows``) and for programs (``data``).

    ``name`` is the file's, without suffix. ``notes`` stand under the table, ``left`` is how many of the first
    columns hold words and are set flush left.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    data: pd.DataFrame
    notes: tuple[str, ...] = ()
    left: int = 1

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"{self.name}: a row of {len(row)} cells under {len(self.header)} headings")


def write_table_files(table: Table, folder: str | Path) -> None:
    """Write ``NAME.csv`` and ``NAME.md`` into ``folder``."""
    write_table(table.data, Path(folder) / f"{table.name}.csv")
    write_text(to_markdown(table), Path(folder) / f"{table.name}.md")


def to_markdown(table: Table) -> str:
    """Return the table as GitHub Markdown, columns padded so that the source reads well too."""
    lines = [[_markdown_cell(cell) for cell in row] for row in table.rows]
    header = [text.replace("|", "\\|") for text in table.header]
    widths = [max(3, *(len(line[i]) for line in [header, *lines])) for i in range(len(header))]

    def align(texts: Sequence[str]) -> str:
        padded = (
            text.ljust(width) if i < table.left else text.rjust(width)
            for i, (text, width) in enumerate(zip(texts, widths, strict=True))
        )
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * width if i < table.left else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    body = "\n".join([align(header), align(rule), *map(align, lines)])
    notes = "".join(f"\n{note}\n" for note in table.notes)
    return f"**{table.title}**\n\n{body}\n{notes}"


def _markdown_cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text} {cell.note}".strip().replace("|", "\\|")


def decimals(values: Iterable[float]) -> int:
    """Return how many decimals a column needs so that its largest value shows about four digits."""
    finite = [abs(value) for value in values if value is not None and math.isfinite(value)]
    largest = max(finite, default=0.0)
    return 3 if largest < 10 else 2 if largest < 100 else 1 if largest < 1000 else 0


def number(value: float | None, digits: int) -> str:
    """Return a number with a true minus sign, ``–`` where there is none."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}f}"
    return "−" + text[1:] if float(text) < 0 else text.removeprefix("-")


def interval_note(interval: Interval, digits: int) -> str:
    """Return ``[low, high]``, or nothing where there is no interval."""
    if math.isnan(interval.low) or math.isnan(interval.high):
        return ""
    return f"[{number(interval.low, digits)}, {number(interval.high, digits)}]"


def interval_cells(intervals: Sequence[Interval], higher_is_better: bool | None = None) -> list[Cell]:
    """Return a column of estimates with intervals; the best is marked where one direction is better."""
    digits = decimals(interval.value for interval in intervals)
    texts = [number(interval.value, digits) for interval in intervals]
    best = _best_text(intervals, texts, higher_is_better)
    return [
        Cell(text, interval_note(interval, digits), best=text == best)
        for text, interval in zip(texts, intervals, strict=True)
    ]


def _best_text(
    intervals: Sequence[Interval], texts: Sequence[str], higher_is_better: bool | None
) -> str | None:
    """Text of the best value; equal texts are equally best. None where no two differ."""
    known = [(i.value, text) for i, text in zip(intervals, texts, strict=True) if not math.isnan(i.value)]
    if higher_is_better is None or len({text for _, text in known}) < 2:
        return None
    return (max if higher_is_better else min)(known)[1]


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
