"""The plot of quality against seconds: its numbers, what it leaves out, and names that cover nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fake_run import IN_PAPER, ColourParser

from loho_bench.reports.figures import quality_against_seconds as figure
from loho_bench.reports.figures.catalogue import FIGURES, NothingToShow
from loho_bench.reports.figures.labels import place_labels
from loho_bench.reports.figures.style import DARK, LIGHT, new_figure, png_bytes
from loho_bench.reports.outputs import Selection
from loho_bench.reports.run import open_run

SPEC = next(spec for spec in FIGURES if spec.name == "quality_against_seconds")
LPIPS, IOU = figure.QUALITIES


@pytest.fixture(scope="module")
def run(root, settings):
    return open_run(settings, root, ColourParser())


def scores(root, method, metric, against) -> pd.Series:
    table = pd.read_parquet(root / f"scores/{method}.parquet")
    chosen = table[(table["metric"] == metric) & (table["against"] == against)]
    return chosen.loc[chosen["category"].isin(["easy", "medium", "difficult"]), "value"]


def edit_scores(root, method, change) -> None:
    path = root / f"scores/{method}.parquet"
    change(pd.read_parquet(path)).to_parquet(path)


def test_points_are_means_over_transfers(run, root):
    points = figure.read_points(run, IN_PAPER)
    assert list(points.panels) == [LPIPS, IOU]
    assert [point.label for point in points.panels[LPIPS]] == [run.label(method) for method in IN_PAPER]
    loho = points.panels[LPIPS][IN_PAPER.index("loho")]
    assert loho.quality.value == pytest.approx(scores(root, "loho", "lpips", "true answer").mean())
    assert loho.seconds.value == pytest.approx(scores(root, "loho", "seconds", "").mean())
    assert loho.quality.low < loho.quality.value < loho.quality.high
    roles = {point.label: point.role for point in points.panels[IOU]}
    assert (roles["Naive paste"], roles["True answer"], roles["LOHO"]) == ("floor", "ceiling", "method")
    assert points.conditions == "n = 8 to 9 tuples   |   cpu, 2 cores   |   float32"
    assert points.without_seconds == ()


def test_a_method_without_seconds_is_named_and_left_out(copied, settings):
    edit_scores(copied, "michigan", lambda table: table[table["metric"] != "seconds"])
    points = figure.read_points(open_run(settings, copied, ColourParser()), IN_PAPER)
    assert points.without_seconds == ("MichiGAN",)
    assert all("MichiGAN" not in {p.label for p in shown} for shown in points.panels.values())
    note = figure.draw_points(points).texts[-1].get_text()
    assert note.endswith("seconds not recorded: MichiGAN")


def test_without_true_answers_one_panel_is_left(copied, settings):
    for method in IN_PAPER:
        edit_scores(copied, method, lambda table: table[table["against"] != "true answer"])
    points = figure.read_points(open_run(settings, copied, ColourParser()), IN_PAPER)
    assert list(points.panels) == [IOU]
    assert len(figure.draw_points(points).axes) == 1


def test_without_seconds_there_is_nothing_to_show(copied, settings):
    for method in IN_PAPER:
        edit_scores(copied, method, lambda table: table[table["metric"] != "seconds"])
    run = open_run(settings, copied, ColourParser())
    with pytest.raises(NothingToShow, match="seconds"):
        SPEC.draw(run, Selection.of(settings, paper=True))


def test_it_belongs_to_both_reports(settings):
    assert SPEC.belongs_to(Selection.of(settings))
    assert SPEC.belongs_to(Selection.of(settings, paper=True))


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_it_is_the_same_bytes_twice(run, theme):
    first, second = (
        png_bytes(figure.draw_points(figure.read_points(run, IN_PAPER), theme), dpi=60) for _ in range(2)
    )
    assert first == second


def test_names_cover_neither_one_another_nor_points():
    """A crowd of eight points: written to the right of each, the names would overlap."""
    drawn = new_figure(5.5, 4.0, LIGHT)
    axes = drawn.subplots()
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 10)
    draw = np.random.default_rng(0)
    points = [(float(x), float(y)) for x, y in 4 + 2 * draw.random((8, 2))] + [(9.8, 5.0)]
    names = [f"method {i}" for i in range(9)]
    boxes = place_labels(axes, names, points, [(y, y) for _, y in points], ["k"] * 9)
    assert [text.get_text() for text in axes.texts] == names, "one name each, of all that were tried"
    frame = axes.get_window_extent()
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
        assert not any(box.contains(*axes.transData.transform(point)) for point in points)
        assert frame.x0 <= box.x0 <= box.x1 <= frame.x1
