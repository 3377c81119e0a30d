"""Where the files of a run lie below the current folder: what the options of the commands default to."""

from __future__ import annotations

from math import ceil
from pathlib import Path

from loho_bench.errors import UserError

PORTRAITS = Path("portraits/portraits.parquet")
ANNOTATIONS = Path("annotations")
TUPLES = Path("tuples")
RESULTS = Path("results")
SCORES = Path("scores")
REPORTS = Path("reports")
PAPER = REPORTS / "paper"


def annotation_tables() -> list[Path]:
    """Return the tables that 'loho-bench annotate' wrote, in the order of their names.

    Raises
    ------
    UserError
        There is none.
    """
    found = sorted(ANNOTATIONS.glob("shard-*.parquet"))
    if not found:
        raise UserError(
            f"cannot read {ANNOTATIONS}/shard-*.parquet",
            cause="there is no such file",
            remedy="run 'loho-bench annotate' first, or name the tables with --annotations",
        )
    return found


def annotation_table(shard: int) -> Path:
    """Return the table that a shard of annotations is written to."""
    return ANNOTATIONS / f"shard-{shard:04d}.parquet"


def result_table(method: str, tuples: Path, shard: int) -> Path:
    """Return the table that a shard of ``method``'s results on a table of tuples is written to."""
    return RESULTS / method / f"{tuples.stem}-{shard:04d}.parquet"


def shards(items: int, size: int) -> range:
    """Return the numbers of the shards of so many pieces of work: at least one, be it empty."""
    return range(max(1, ceil(items / size)))
