"""Progress for people, log lines for files."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_SECONDS_BETWEEN_LINES = 10


def get_logger(name: str) -> logging.Logger:
    """Return the logger ``loho_bench.<name>``; the command line decides where its lines go."""
    return logging.getLogger(f"loho_bench.{name}")


def track(
    items: Iterable[Item],
    description: str,
    total: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Item]:
    """Iterate over ``items`` with a bar and an estimate on a terminal, log lines elsewhere.

    There is a line at the start and at the end, and between them one about every tenth of the work with an
    estimate of the time left, where the total is known; never two within ten seconds.

    Parameters
    ----------
    items : iterable
    description : str
        What is being done, e.g. ``"annotating portraits"``.
    total : int, optional
        How many items there are; taken from ``len(items)`` where that is known.
    clock : callable, optional
        Seconds since any fixed moment.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import track as rich_track

        yield from rich_track(items, description=description, total=total, console=Console(stderr=True))
        return
    log, started, count = get_logger("progress"), clock(), 0
    told_at, told_tenths = started, 0
    log.info("%s%s", description, f": {total}" if total is not None else "")
    for item in items:
        yield item
        count += 1
        if total is None or count >= total:
            continue
        now, tenths = clock(), 10 * count // total
        if tenths > told_tenths and now - told_at >= _SECONDS_BETWEEN_LINES:
            left = (now - started) / count * (total - count)
            log.info("%s: %d of %d done, about %s left", description, count, total, _duration(left))
            told_at, told_tenths = now, tenths
    log.info("%s: %d done in %.1f s", description, count, clock() - started)


def _duration(seconds: float) -> str:
    """Return a duration as people say it, e.g. ``"40 s"``, ``"12 min"`` or ``"3 h 5 min"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
