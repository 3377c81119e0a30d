"""Parts of the page: the board, the gallery's choice and storage, thinned traces, JSON that stays data."""

from __future__ import annotations

import base64
import io
import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from fake_run import FAILING, REPORTED, ColourParser
from jinja2 import Environment, PackageLoader
from PIL import Image

from loho_bench.metrics.scoring_inputs import load_result
from loho_bench.metrics.statistics import Interval
from loho_bench.reports.leaderboard import Column, Entry, Leaderboard
from loho_bench.reports.page import gallery as galleries
from loho_bench.reports.page import traces as tracing
from loho_bench.reports.page.board import board_groups
from loho_bench.reports.page.gallery import Shown, gallery
from loho_bench.reports.page.inlining import inline_json
from loho_bench.reports.page.traces import traces
from loho_bench.reports.run import open_run

NAN = math.nan


def entry(method, role, fid, psnr, category="overall"):
    return Entry(method, method.upper(), role, category, {"fid": fid, "psnr": psnr}, 1)


@pytest.fixture
def groups():
    columns = (Column("fid", "FID", "", False, "."), Column("psnr", "PSNR", "dB", True, "."))
    entries = (
        entry("answer", "ceiling", Interval(1.0, 0.0, 2.0, 9, 1), Interval(math.inf, NAN, NAN, 9, 1)),
        entry("ours", "method", Interval(4.0, 3.0, 6.0, 10, 0), Interval(20.0, 18.0, 22.0, 10, 0)),
        entry("theirs", "method", Interval(9.0, 8.0, 10.0, 7, 3), Interval(28.0, 27.0, 29.0, 6, 4)),
        entry("paste", "floor", Interval(NAN, NAN, NAN, 0, 10), Interval(30.0, 29.0, 31.0, 10, 0), "easy"),
    )
    return board_groups(Leaderboard(columns, entries, "fid", "note"))


def test_the_best_is_marked_among_methods_alone(groups):
    marked = {
        (row.entry.method, i) for g in groups for row in g.rows for i, c in enumerate(row.cells) if c.best
    }
    assert marked == {("ours", 0), ("theirs", 1)}


def test_rows_count_what_finished_and_what_failed(groups):
    assert [group.category for group in groups] == ["overall", "easy"]
    assert [(row.n, row.failed) for row in groups[0].rows] == [(9, 1), (10, 0), (7, 3)]


def test_whiskers_lie_on_the_range_of_their_column(groups):
    answer, ours, theirs = groups[0].rows
    assert (answer.cells[0].whisker.low, theirs.cells[0].whisker.high) == (0, 100)
    assert (ours.cells[0].whisker.at, ours.cells[0].whisker.low) == (40, 30)
    assert answer.cells[1].whisker is None
    assert answer.cells[1].key == "Infinity"
    assert groups[1].rows[0].cells[0].key == ""


@pytest.fixture(scope="module")
def run(root, settings):
    return open_run(settings, root, ColourParser())


@pytest.fixture(scope="module")
def methods(run):
    return [Shown(name, run.label(name), run.spec(name).role) for name in REPORTED]


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))).convert("RGB"))


def test_pictures_are_the_results_pixel_for_pixel(run, methods):
    shown = gallery(run, methods)
    assert "lossless" in shown.storage
    card = shown.cards[0]
    row = run.transfers.set_index("tuple_id").loc[card.tuple_id]
    for shot in card.shots:
        if shot.kind == "input":
            expected = run.inputs.image(row[shot.name])
        elif shot.kind == "answer":
            expected = run.inputs.true_answer(row).image
        else:
            expected = load_result(run.root / f"results/{shot.name}/portraits/{card.tuple_id}.png")
        np.testing.assert_array_equal(pixels(shot.uri), expected)
    # The true answer stands once, beside the inputs, although it is reported as a method too.
    assert [shot.name for shot in card.shots].count("true-answer") == 0
    assert len(card.shots) == shown.places


def test_a_failed_transfer_keeps_its_place_with_the_reason(run, methods):
    card = next(card for card in gallery(run, methods).cards if card.tuple_id == "medium-0002")
    lost = [shot for shot in card.shots if not shot.uri]
    assert [(shot.name, shot.reason) for shot in lost] == [(FAILING, "the loss became NaN")]
    assert next(row for row in card.scores if row.method.name == FAILING).reason == "the loss became NaN"


def test_scores_of_a_tuple_are_those_of_the_table(run, methods, root):
    shown = gallery(run, methods)
    column = next(i for i, heading in enumerate(shown.headings) if heading.startswith("PSNR"))
    table = pd.read_parquet(root / "scores/loho.parquet").query(
        "metric == 'psnr' and against == 'true answer'"
    )
    expected = table.set_index("tuple_id")["value"]
    for card in shown.cards:
        text = next(row for row in card.scores if row.method.name == "loho").texts[column]
        assert float(text) == pytest.approx(expected[card.tuple_id], abs=0.006)


def test_a_large_run_shows_the_first_of_each_category_and_says_so(run, methods, monkeypatch):
    monkeypatch.setattr(galleries, "PICTURES", 50)
    shown = gallery(run, methods)
    assert [card.tuple_id for card in shown.cards] == [
        f"{category}-{number:04d}" for category in ("easy", "medium", "difficult") for number in (1, 2)
    ]
    assert shown.choice.startswith("6 of 9 tuples: the first of each category")


def test_what_is_scaled_or_compressed_is_said(run, methods, monkeypatch):
    monkeypatch.setattr(galleries, "LARGEST_SIDE", 32)
    monkeypatch.setattr(galleries, "LOSSLESS_BYTES", 1000)
    shown = gallery(run, methods[:1])
    assert "slight loss" in shown.storage
    assert "from 64 to 32 pixels" in shown.storage
    assert pixels(shown.cards[0].shots[0].uri).shape == (32, 32, 3)


def test_thinned_traces_keep_both_ends_and_say_at_which_iterations(run, methods, root, monkeypatch):
    monkeypatch.setattr(tracing, "POINTS", 7)
    ids = ["easy-0001", "medium-0002"]
    data = traces(run, methods, ids)
    json.dumps(data, allow_nan=False)
    assert "Naive paste" not in data["methods"]
    at, values = data["curves"][data["methods"].index("LOHO")][0]["structure"]
    recorded = pd.read_parquet(root / "results/loho/traces/easy-0001.parquet").set_index("step")["structure"]
    steps = data["steps"][at]
    assert len(steps) == len(values) == 7
    assert (steps[0], steps[-1]) == (recorded.index[0], recorded.index[-1])
    assert values == pytest.approx(recorded.loc[steps].tolist(), rel=1e-3)
    assert data["curves"][data["methods"].index(run.label(FAILING))][1] is None
    # A quantity of stage 2 has no iterations of stage 1.
    at, _ = data["curves"][0][0]["appearance"]
    assert min(data["steps"][at]) >= 40


def test_methods_without_traces_give_none(run, methods):
    assert traces(run, [method for method in methods if method.name == "paste"], ["easy-0001"]) is None


def test_json_in_the_page_cannot_end_its_element():
    value = {"</script><script>": "<!-- ' \" & ]]> é \u2028"}
    text = str(inline_json(value))
    assert not re.search(r"[<>&']", text)
    assert json.loads(text) == value
    with pytest.raises(ValueError, match="JSON"):
        inline_json({"x": NAN})


def test_a_long_list_says_how_much_of_it_is_shown():
    environment = Environment(loader=PackageLoader("loho_bench.reports.page"), autoescape=True)
    rows = [{"portrait": f"p{number}", "reason": "<i>"} for number in range(501)]
    text = str(environment.get_template("tables.html.j2").module.listing("Set aside", rows))
    assert text.count("&lt;i&gt;") == 500
    assert "the first 500 of 501" in text
    assert "the first" not in str(environment.get_template("tables.html.j2").module.listing("All", rows[1:]))
