"""Progress for people, log lines for files."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def get_logger(name: str) -> logging.Logger:
    """Return the logger ``loho_bench.<name>``; the command line decides where its lines go."""
    return logging.getLogger(f"loho_bench.{name}")


def track(items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Iterate over ``items`` with a bar and an estimate on a terminal, a log line elsewhere.

    Parameters
    ----------
    items : iterable
    description : str
        What is being done, e.g. ``"annotating portraits"``.
    total : int, optional
        How many items there are; taken from ``len(items)`` where that is known.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import track as rich_track

        yield from rich_track(items, description=description, total=total, console=Console(stderr=True))
        return
    log, started, count = get_logger("progress"), time.monotonic(), 0
    log.info("%s%s", description, f": {total}" if total is not None else "")
    for item in items:
        yield item
        count += 1
    log.info("%s: %d done in %.1f s", description, count, time.monotonic() - started)
