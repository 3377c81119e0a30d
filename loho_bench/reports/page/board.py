"""The leaderboard as the page lays it out: a group of rows a category, numbers as text and as places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loho_bench.metrics.statistics import Interval
from loho_bench.reports.leaderboard import Column, Entry, Leaderboard
from loho_bench.reports.tables.formats import Cell, interval_cells

RANKED = "method"


@dataclass(frozen=True)
class Whisker:
    """Where a value and its interval lie in the range of their column, in percent."""

    at: float
    low: float
    high: float


@dataclass(frozen=True)
class BoardCell:
    """One number: as text, as the value that sorting goes by, and as a place in its column."""

    text: str
    note: str
    best: bool
    value: float | None
    whisker: Whisker | None

    @property
    def key(self) -> str:
        """What scripts sort by: the value as JavaScript reads it, or nothing."""
        return "" if self.value is None else f"{self.value}".replace("inf", "Infinity")


@dataclass(frozen=True)
class BoardRow:
    """One method in one category; ``n`` tuples were measured and ``failed`` were not."""

    entry: Entry
    cells: tuple[BoardCell, ...]
    n: int
    failed: int


@dataclass(frozen=True)
class BoardGroup:
    """The rows of one category, in the order of the leaderboard."""

    category: str
    rows: tuple[BoardRow, ...]


def board_groups(leaderboard: Leaderboard) -> tuple[BoardGroup, ...]:
    """Lay the leaderboard out by category, in the order in which the categories occur."""
    categories = dict.fromkeys(entry.category for entry in leaderboard.entries)
    return tuple(
        BoardGroup(category, _rows([e for e in leaderboard.entries if e.category == category], leaderboard))
        for category in categories
    )


def finished(entry: Entry) -> tuple[int, int]:
    """Return how many tuples were measured and how many were asked for.

    A finished tuple has at least a time, so the fullest column counts the finished ones.
    """
    values = entry.values.values()
    n = max((interval.n for interval in values), default=0)
    return n, max((interval.n + interval.failed for interval in values), default=0)


def _rows(entries: Sequence[Entry], leaderboard: Leaderboard) -> tuple[BoardRow, ...]:
    columns = [_cells(entries, column) for column in leaderboard.columns]
    rows = []
    for i, entry in enumerate(entries):
        n, asked = finished(entry)
        rows.append(BoardRow(entry, tuple(column[i] for column in columns), n, asked - n))
    return tuple(rows)


def _cells(entries: Sequence[Entry], column: Column) -> list[BoardCell]:
    """One column; only methods compete for the best value, not what they are measured against."""
    intervals = [entry.values.get(column.key, _NOTHING) for entry in entries]
    competing = [
        interval if entry.role == RANKED else _NOTHING
        for entry, interval in zip(entries, intervals, strict=True)
    ]
    marks = interval_cells(competing, column.higher_is_better)
    ends = [x for i in intervals for x in (i.value, i.low, i.high) if math.isfinite(x)]
    return [
        _cell(cell, mark.best, interval, min(ends, default=0.0), max(ends, default=0.0))
        for cell, mark, interval in zip(interval_cells(intervals), marks, intervals, strict=True)
    ]


def _cell(cell: Cell, best: bool, interval: Interval, lowest: float, highest: float) -> BoardCell:
    value = None if math.isnan(interval.value) else interval.value
    return BoardCell(cell.text, cell.note, best, value, _whisker(interval, lowest, highest))


def _whisker(interval: Interval, lowest: float, highest: float) -> Whisker | None:
    ends = (interval.value, interval.low, interval.high)
    if lowest == highest or not all(map(math.isfinite, ends)):
        return None
    return Whisker(*(round(100 * (end - lowest) / (highest - lowest), 1) for end in ends))


_NOTHING = Interval(math.nan, math.nan, math.nan, 0, 0)
