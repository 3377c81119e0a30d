"""Independent pieces of work in processes side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from typing import Any

from loho_bench.processes import process_pool

Job = Callable[[], Any]


def run_jobs(
    jobs: Sequence[Job], workers: int, prepare: Callable[[], Any] | None = None
) -> Iterator[tuple[int, Any, float]]:
    """Yield each job's position, result and seconds, in the order in which they end.

    Parameters
    ----------
    jobs : sequence of callable
        Started in their order. With several workers, they and their results are sent between processes.
    workers : int
        With one, everything happens in this process.
    prepare : callable, optional
        Called first in every process that is started.
    """
    if workers == 1:
        for position, job in enumerate(jobs):
            yield position, *_timed(job)
        return
    with process_pool(workers, prepare) as pool:
        running = {pool.submit(_timed, job): position for position, job in enumerate(jobs)}
        try:
            for future in as_completed(running):
                yield running[future], *future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _timed(job: Job) -> tuple[Any, float]:
    started = time.monotonic()
    result = job()
    return result, time.monotonic() - started
