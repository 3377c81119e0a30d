"""Figures: the numbers behind them, the choice of tuples, and equal bytes for equal runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fake_run import METHODS, STEPS
from PIL import Image

from loho_bench.reports.figure_style import DARK, LIGHT, png_bytes
from loho_bench.reports.figures_iou import draw_hair_iou
from loho_bench.reports.figures_traces import QUANTITIES, draw_curves, read_curves
from loho_bench.reports.figures_transfers import CELL, DPI, LEFT, TOP, draw_transfers
from loho_bench.reports.run import open_run
from loho_bench.reports.transfer_grid import transfer_grid


@pytest.fixture(scope="module")
def run(root, settings):
    return open_run(settings, root)


def test_the_grid_shows_the_first_tuples_of_each_category(run):
    grid = transfer_grid(run, METHODS, per_category=2)
    assert [tuple_id for _, tuple_id, _ in grid.rows] == [
        f"{category}-{number:04d}" for category in ("easy", "medium", "difficult") for number in (1, 2)
    ]
    assert grid.headings[:4] == ("identity", "structure", "appearance", "true answer")
    assert sum(count for _, count in grid.groups) == len(grid.headings) == 4 + len(METHODS)
    assert "first 2 tuples" in grid.rule


def test_the_grid_shows_failures_and_unchanged_pictures(run, root):
    rows = {tuple_id: pictures for _, tuple_id, pictures in transfer_grid(run, METHODS).rows}
    failed = rows["medium-0002"][5]
    assert failed.image is None
    assert failed.reason == "the loss became NaN"
    expected = np.asarray(Image.open(root / "results/loho/portraits/easy-0001.png"))
    assert np.array_equal(rows["easy-0001"][4].image, expected)


def test_cells_of_the_figure_are_whole_pixels_in_their_place(run, reports):
    image = np.asarray(Image.open(reports / "figures/transfers.png").convert("RGB")).astype(float)
    cell = image[TOP : TOP + CELL, LEFT : LEFT + CELL]
    identity = transfer_grid(run, METHODS).rows[0][2][0].image
    expected = Image.fromarray(identity).resize((CELL, CELL), Image.Resampling.LANCZOS)
    assert np.abs(cell - np.asarray(expected, float)).mean() < 4


def test_curves_are_means_over_finished_tuples(run, root):
    curves = read_curves(run, METHODS)
    assert curves.stage_two == STEPS
    structure, product = (curves.by_quantity[quantity] for quantity in QUANTITIES)
    assert [curve.n for curve in structure] == [9, 8, 9]
    ids = [f"{category}-{i:04d}" for category in ("easy", "medium", "difficult") for i in (1, 2, 3)]
    traces = [pd.read_parquet(root / f"results/loho/traces/{name}.parquet") for name in ids]
    expected = np.mean([trace["structure"] for trace in traces], axis=0)
    assert structure[0].mean == pytest.approx(expected)
    assert (structure[0].low <= structure[0].mean).all()
    assert (structure[0].mean <= structure[0].high).all()
    assert [curve.position for curve in product] == [0, 2], "no-GO knows no structure gradient in stage 2"
    assert product[0].iterations.tolist() == list(range(STEPS, 2 * STEPS))


def test_a_method_without_traces_has_no_curves(copied, settings):
    shard = copied / "results/loho/tuples-0000.parquet"
    pd.read_parquet(shard).drop(columns="trace").to_parquet(shard)
    curves = read_curves(open_run(settings, copied), ["loho"])
    assert curves.stage_two is None
    assert not any(curves.by_quantity.values())
    assert png_bytes(draw_curves(curves), dpi=50)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_figures_are_the_same_bytes_twice(run, theme):
    def drawn() -> list[bytes]:
        curves = draw_curves(read_curves(run, METHODS), theme)
        return [png_bytes(figure, dpi=60) for figure in (curves, draw_hair_iou(run, METHODS, theme))]

    first = drawn()
    assert first == drawn()
    assert b"matplotlib" not in first[0]


def test_the_figure_of_transfers_has_one_picture_a_cell(run):
    grid = transfer_grid(run, METHODS)
    figure = draw_transfers(grid)
    pictures = [axes for axes in figure.axes if axes.images]
    assert len(pictures) == 6 * 7 - 1
    assert [text.get_text() for axes in figure.axes for text in axes.texts] == ["failed"]
    assert figure.get_size_inches()[0] * DPI == pytest.approx(round(figure.get_size_inches()[0] * DPI))
