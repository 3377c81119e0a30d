"""Work ahead of its turn: results in order, few at a time, and no thread left behind."""

from __future__ import annotations

import threading
import time

import pytest

from loho_bench.annotation.prefetch import prefetch


def threads_left() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_results_come_in_the_order_of_the_items():
    def slow_at_first(item: int) -> int:
        time.sleep(0.02 * (item % 4 == 0))
        return item * item

    assert list(prefetch(slow_at_first, range(30), threads=4, ahead=6)) == [item**2 for item in range(30)]
    assert list(prefetch(str, [1, 2], threads=3, ahead=10)) == ["1", "2"]
    assert list(prefetch(str, [], threads=1, ahead=2)) == []
    assert not threads_left()


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_is_begun_than_asked_for(threads):
    begun = []
    results = prefetch(begun.append, iter(range(1000)), threads, ahead=5)
    assert not begun
    for count in range(1, 20):
        next(results)
        time.sleep(0.005)
        assert len(begun) <= count + 5
    results.close()
    assert not threads_left()


def test_several_are_computed_at_the_same_time():
    together = threading.Barrier(3, timeout=10)
    assert len(list(prefetch(lambda _: together.wait(), range(6), threads=3, ahead=3))) == 6


def test_an_error_is_raised_in_its_place_and_ends_the_threads():
    def fail_at_four(item: int) -> int:
        if item == 4:
            raise ZeroDivisionError
        return item

    results = prefetch(fail_at_four, range(100), threads=2, ahead=8)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert not threads_left()


def test_an_interrupt_ends_the_threads_without_doing_the_rest():
    begun = []

    def take_a_while(item: int) -> None:
        begun.append(item)
        time.sleep(0.05)

    results = prefetch(take_a_while, range(1000), threads=2, ahead=50)
    next(results)
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)
    assert not threads_left()
    assert len(begun) < 10
