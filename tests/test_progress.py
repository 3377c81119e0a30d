"""Progress away from a terminal: how many lines a log gets, and what they promise."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from loho_bench.progress import track


@pytest.fixture
def lines(monkeypatch, caplog):
    """Track items that take so many seconds each, and return the lines of the log."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())

    def run(seconds: list[float], description: str = "drawing", known: bool = True) -> list[str]:
        elapsed: list[float] = []
        items: list[float] | Iterator[float] = seconds if known else iter(seconds)
        with caplog.at_level(logging.INFO, logger="loho_bench.progress"):
            for item in track(items, description, clock=lambda: 1000 + sum(elapsed)):
                elapsed.append(item)
        assert elapsed == seconds
        return [record.getMessage() for record in caplog.records]

    return run


def test_short_work_has_a_start_and_an_end(lines):
    assert lines([0.09] * 100) == ["drawing: 100", "drawing: 100 done in 9.0 s"]


def test_long_work_has_a_line_every_tenth_with_the_time_left(lines):
    found = lines([30.0] * 50)
    assert len(found) == 11
    assert found[1] == "drawing: 5 of 50 done, about 22 min left"
    assert found[5] == "drawing: 25 of 50 done, about 12 min left"
    assert found[9] == "drawing: 45 of 50 done, about 2 min left"
    assert found[10] == "drawing: 50 done in 1500.0 s"


def test_no_two_lines_within_ten_seconds(lines):
    # A tenth takes 4 s.
    assert lines([1.0] * 40)[1:-1] == [
        "drawing: 10 of 40 done, about 30 s left",
        "drawing: 20 of 40 done, about 20 s left",
        "drawing: 30 of 40 done, about 10 s left",
    ]


def test_few_long_items_have_a_line_each(lines):
    assert lines([6000.0, 6000.0, 6000.0])[1:-1] == [
        "drawing: 1 of 3 done, about 3 h 20 min left",
        "drawing: 2 of 3 done, about 1 h 40 min left",
    ]


def test_without_a_total_nothing_is_promised(lines):
    assert lines([60.0] * 20, known=False) == ["drawing", "drawing: 20 done in 1200.0 s"]
