"""Worker processes that end with the process that started them, however that ends."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def process_pool(workers: int, prepare: Callable[[], Any] | None = None) -> ProcessPoolExecutor:
    """Return a pool of ``workers`` fresh processes; ``prepare`` is called first in each of them.

    A fork of a process that has run torch or OpenCV threads can hang, hence fresh ones. Workers of a process
    that was killed would wait for work for ever; these leave as well.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(prepare,))


def _begin(prepare: Callable[[], Any] | None) -> None:
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    if prepare is not None:
        prepare()


def _leave_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
