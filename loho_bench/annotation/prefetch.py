"""Work done in threads ahead of whoever needs its results: files are decoded while a network computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int, ahead: int
) -> Generator[Result, None, None]:
    """Yield ``function(item)`` for every item, in their order.

    Nothing begins before the first result is asked for. What a call raises is raised in its place. Once the
    generator is closed, for whatever reason, no thread of it is left: calls that had begun are waited for,
    the others are dropped.

    Parameters
    ----------
    function : callable
        Called in threads; decoders and NumPy let others run meanwhile.
    items : iterable
        Taken one by one, at most ``ahead`` before their turn: memory does not grow with their number.
    threads : int
        Calls at the same time.
    ahead : int
        Results computed, or being computed, beyond the one that is handed out.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="prefetch")
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
