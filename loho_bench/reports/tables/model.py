"""What a table is: cells for readers, a data frame for programs."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

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
