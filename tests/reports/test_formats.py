"""Numbers and tables as readers see them, against strings written by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from loho_bench.metrics.statistics import Interval
from loho_bench.reports.paper import PaperValue
from loho_bench.reports.tables.formats import counts, decimals, difference_cell, interval_cells, number
from loho_bench.reports.tables.markdown import to_markdown
from loho_bench.reports.tables.model import Cell, Table

NAN = float("nan")


def interval(value, low=NAN, high=NAN, n=5, failed=0):
    return Interval(value, low, high, n, failed)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1.2345, 2, "1.23"),
        (-0.5, 1, "−0.5"),
        (-0.0001, 2, "0.00"),
        (NAN, 2, "–"),
        (None, 2, "–"),
        (math.inf, 1, "∞"),
        (-math.inf, 1, "−∞"),
    ],
)
def test_number(value, digits, text):
    assert number(value, digits) == text


def test_a_signed_number_has_its_plus():
    texts = [number(value, 1, signed=True) for value in (2.0, -2.0, 0.01, math.inf, NAN)]
    assert texts == ["+2.0", "−2.0", "0.0", "+∞", "–"]


def test_a_difference_to_a_range_is_that_to_its_nearest_end():
    mean = PaperValue("Table 3", "a", "psnr", 30.0)
    ends = PaperValue("Table 3", "b", "latent_distance", low=30.0, high=40.0)
    found = [difference_cell(*case).text for case in ((mean, 28.5), (ends, 29.0), (ends, 35.0), (ends, 41.5))]
    assert found == ["−1.500", "−1.000", "0.000", "+1.500"]
    assert difference_cell(None, 1.0).text == "–"


def test_a_ceiling_is_not_the_best():
    values = [interval(1.0), interval(0.8), interval(0.7)]
    cells = interval_cells(values, True, [False, True, True])
    assert [cell.best for cell in cells] == [False, True, False]
    infinite = interval_cells([interval(math.inf, math.inf, math.inf), interval(30.0)], True)
    assert (infinite[0].text, infinite[0].note, infinite[0].best) == ("∞", "[∞, ∞]", True)


@pytest.mark.parametrize(
    ("values", "digits"),
    [([0.8], 3), ([-9.99, 0.1], 3), ([10.0], 2), ([123.4, NAN], 1), ([math.inf, 4000.0], 0), ([], 3)],
)
def test_a_column_has_the_decimals_of_its_largest_value(values, digits):
    assert decimals(values) == digits


def test_the_best_is_marked_by_what_is_printed():
    cells = interval_cells([interval(0.8121), interval(0.8119), interval(0.7), interval(NAN)], True)
    assert [cell.best for cell in cells] == [True, True, False, False]
    assert [cell.best for cell in interval_cells([interval(2.0), interval(1.0)], False)] == [False, True]
    assert not any(cell.best for cell in interval_cells([interval(2.0), interval(1.0)], None))
    assert not any(cell.best for cell in interval_cells([interval(1.0), interval(1.0)], True))
    assert not any(cell.best for cell in interval_cells([interval(1.0), interval(NAN)], True))


def test_intervals_stand_in_the_note_with_the_decimals_of_the_column():
    first, second = interval_cells([interval(31.5, 30, 33.333), interval(8.0)])
    assert (first.text, first.note) == ("31.50", "[30.00, 33.33]")
    assert (second.text, second.note) == ("8.00", "")


def test_counts_name_failures_and_ranges():
    assert counts([interval(1, n=36)]) == "36"
    assert counts([interval(1, n=34, failed=2)]) == "34 (2 failed)"
    assert counts([interval(1, n=36), interval(1, n=30, failed=6)]) == "30–36 (6 failed)"


def test_markdown_is_aligned_escaped_and_bold_where_best():
    table = Table(
        name="t",
        title="A title",
        header=("Method", "IoU ↑"),
        rows=((Cell("a|b"), Cell("0.9", "[0.8, 1.0]", best=True)), (Cell("c"), Cell("–"))),
        data=pd.DataFrame(),
        notes=("A note.",),
    )
    assert to_markdown(table) == (
        "**A title**\n\n"
        "| Method |              IoU ↑ |\n"
        "| ------ | -----------------: |\n"
        "| a\\|b   | **0.9** [0.8, 1.0] |\n"
        "| c      |                  – |\n"
        "\nA note.\n"
    )


def test_a_crooked_table_is_refused():
    with pytest.raises(ValueError, match="1 cells under 2 headings"):
        Table("t", "t", ("a", "b"), ((Cell("x"),),), pd.DataFrame())
