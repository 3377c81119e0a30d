"""Figures: the numbers behind them, the rules by which tuples are chosen, pixels, and equal bytes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fake_run import IN_PAPER, METHODS, STEPS, ColourParser
from PIL import Image

from loho_bench.metrics.scores import SCORES
from loho_bench.reports.figures import editing_one, hair_iou, orthogonalization, pictures
from loho_bench.reports.figures.catalogue import FIGURES, NothingToShow
from loho_bench.reports.figures.curves import QUANTITIES, draw_curves, read_curves
from loho_bench.reports.figures.sheet import CELL, LEFT, TOP, Picture, Sheet, draw_sheet, fit
from loho_bench.reports.figures.style import DARK, DPI, LIGHT, png_bytes
from loho_bench.reports.outputs import Selection
from loho_bench.reports.run import open_run

BY_NAME = {figure.name: figure for figure in FIGURES}
TUPLES = [f"{category}-{i:04d}" for category in ("easy", "medium", "difficult") for i in (1, 2, 3)]


@pytest.fixture(scope="module")
def run(root, settings):
    return open_run(settings, root, ColourParser())


@pytest.fixture(scope="module")
def selection(settings):
    return Selection.of(settings, paper=True)


@pytest.fixture
def sheets(monkeypatch):
    """Sheets that figures lay out, instead of figures."""
    caught: list[Sheet] = []
    for module in ("transfers", "side_by_side", "misalignment", "hair_trail", "editing_both"):
        monkeypatch.setattr(
            f"loho_bench.reports.figures.{module}.draw_sheet", lambda sheet, theme: caught.append(sheet)
        )
    for module in (editing_one, orthogonalization):
        monkeypatch.setattr(module, "draw_sheet", lambda sheet, theme: caught.append(sheet))
    return caught


def laid_out(name, run, selection, sheets) -> Sheet:
    BY_NAME[name].draw(run, selection)
    return sheets[-1]


def names(sheet) -> list[str]:
    return [row.name for row in sheet.rows]


def scored(root, metric, against) -> pd.Series:
    table = pd.read_parquet(root / "scores/loho.parquet").set_index("tuple_id")
    return table.loc[(table["metric"] == metric) & (table["against"] == against), "value"]


def test_transfers_show_the_first_tuples_every_method_and_failures(run, root, selection, sheets):
    sheet = laid_out("transfers", run, selection, sheets)
    assert names(sheet) == [name for name in TUPLES if not name.endswith("3")]
    headings = [column.heading for column in sheet.columns]
    assert headings[:4] == ["identity", "structure", "appearance", "true answer"]
    assert len(headings) == 4 + len(IN_PAPER) - 1  # the true answer stands there once
    cells = dict(zip(headings, sheet.rows[3].cells, strict=True))
    assert sheet.rows[3].name == "medium-0002"
    assert cells["LOHO without GO"].pictures[0].image is None
    expected = np.asarray(Image.open(root / "results/loho/portraits/medium-0002.png"))
    assert np.array_equal(cells["LOHO"].pictures[0].image, expected)


@pytest.mark.parametrize(("name", "count"), [("figure03", 1), ("figure06", 2)])
def test_methods_side_by_side_on_the_first_tuples_that_all_finished(run, selection, sheets, name, count):
    sheet = laid_out(name, run, selection, sheets)
    assert names(sheet) == [name for name in TUPLES if int(name[-1]) <= count]
    labels = [run.label(method) for method in BY_NAME[name].needs]
    assert [column.heading for column in sheet.columns] == ["references", "identity", *labels, "true answer"]
    assert sheet.columns[0].narrow
    assert len(sheet.rows[0].cells[0].pictures) == 2


def test_a_tuple_that_one_method_failed_is_not_compared(run):
    found = pictures.first_of_each_category(run, ("loho", "loho-no-go"), 2)["tuple_id"].tolist()
    assert found[2:4] == ["medium-0001", "medium-0003"]


def test_orthogonalization_shows_the_median_gain(run, root, selection, sheets):
    sheet = laid_out("figure04", run, selection, sheets)
    tables = [pd.read_parquet(root / f"scores/{m}.parquet") for m in ("loho", "loho-no-go")]
    ious = [
        t[(t["metric"] == "hair_iou") & (t["against"] == "structure")].set_index("tuple_id")["value"]
        for t in tables
    ]
    for row in sheet.rows:
        category = row.label.lower()
        gains = (ious[0] - ious[1]).filter(like=category).filter(regex="^(easy|medium|difficult)").dropna()
        lower_middle = np.sort(gains)[(len(gains) - 1) // 2]
        assert gains[row.name] == lower_middle
        assert row.cells[-1].note == f"IoU {ious[0][row.name]:.3f}"
    mask = sheet.rows[0].cells[-1].pictures[0].image
    half = mask.shape[0] // 2
    assert mask[:half].min() > mask[half:].max(), "the upper half is what the stand-in parser calls hair"


def test_misalignment_shows_the_lowest_hair_iou_of_the_hardest_category(run, root, selection, sheets):
    sheet = laid_out("figure09", run, selection, sheets)
    values = scored(root, "hair_iou", "structure").filter(like="difficult").sort_values(kind="stable")
    assert names(sheet) == values.index[:3].tolist()
    assert sheet.rows[0].cells[2].note == f"hair IoU {values.iloc[0]:.2f}"


def test_the_trail_outlined_is_the_trail_measured(run, root, selection, sheets):
    sheet = laid_out("figure10", run, selection, sheets)
    values = scored(root, "hair_trail", "true answer").loc[lambda v: v.index.isin(TUPLES)].dropna()
    shown = values[names(sheet)]
    assert shown.tolist() == sorted(values, reverse=True)[:3]
    for row in sheet.rows:
        picture = row.cells[2].pictures[0]
        size = picture.image.shape[0]
        assert not picture.outline[size // 2 :].any()
        assert picture.outline.any() == (values[row.name] > 0)


def test_edits_stand_beside_one_another_by_person(run, selection, sheets):
    one = laid_out("figure07", run, selection, sheets)
    assert [column.group for column in one.columns] == ["appearance edited"] * 4 + ["structure edited"] * 4
    for row in one.rows:
        assert np.array_equal(row.cells[0].pictures[0].image, row.cells[4].pictures[0].image)
    both = laid_out("figure08", run, selection, sheets)
    assert names(both) == ["editing-both-0001", "editing-both-0002"]


def test_a_figure_without_data_says_so_and_leaves_no_picture(copied, settings, tmp_path, caplog):
    from loho_bench.reports.write import write_figures

    for method in METHODS:
        shard = copied / f"results/{method}/tuples-0000.parquet"
        table = pd.read_parquet(shard)
        table.assign(status="failed", portrait=None, trace=None).to_parquet(shard)
    run = open_run(settings, copied, ColourParser())
    old = tmp_path / "figure09.png"
    old.write_bytes(b"of an earlier run")
    drawn = write_figures(run, Selection.of(settings, paper=True), tmp_path)
    names = {figure.spec.name for figure in drawn}
    assert {"figure03", "figure04", "figure05", "figure06", "figure09", "figure10"}.isdisjoint(names)
    assert {"transfers", "figure07"} <= names
    assert not old.exists()
    assert "Figure 9. Misalignment is left out: LOHO finished no tuple" in caplog.text


def test_pixels_of_a_picture_are_whole_and_in_their_place(run, reports):
    image = np.asarray(Image.open(reports / "figures/transfers.png").convert("RGB"))
    identity = run.inputs.image(run.transfers.iloc[0]["identity"])
    cell = image[TOP : TOP + CELL, LEFT : LEFT + CELL]
    factor = CELL // len(identity)
    assert np.array_equal(cell, np.kron(identity, np.ones((factor, factor, 1), np.uint8)))


def test_pictures_of_other_sizes_are_resampled():
    image = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    assert fit(image, 128).shape == (128, 128, 3)
    assert np.array_equal(fit(image[:128, :128], 128), image[:128, :128])


def test_an_outline_runs_round_its_region():
    column = pictures.Column("a")
    region = np.zeros((64, 64), bool)
    region[20:40, 20:40] = True
    black = np.zeros((64, 64, 3), np.uint8)
    row = pictures.Row("", "", (pictures.Cell((Picture(black, region),)),))
    figure = draw_sheet(Sheet((column,), (row,)))
    assert figure.get_size_inches()[0] * DPI == pytest.approx(round(figure.get_size_inches()[0] * DPI))
    canvas = figure.images[0].get_array()[TOP : TOP + CELL, LEFT : LEFT + CELL]
    lit = canvas.any(axis=2)
    assert not lit[80:160, 80:160].any()
    assert lit[76:80, 80:160].any(axis=0).all()
    assert not lit[:70].any()


def test_curves_are_means_over_finished_tuples(run, root):
    curves = read_curves(run, METHODS)
    assert curves.stage_two == STEPS
    structure, overlap, product = (curves.by_quantity[quantity] for quantity in QUANTITIES)
    assert [curve.n for curve in structure] == [9, 8, 9]
    traces = [pd.read_parquet(root / f"results/loho/traces/{name}.parquet") for name in TUPLES]
    expected = np.mean([trace["structure"] for trace in traces], axis=0)
    assert structure[0].mean == pytest.approx(expected)
    assert (structure[0].low <= structure[0].mean).all()
    assert (structure[0].mean <= structure[0].high).all()
    assert overlap[0].iterations.tolist() == list(range(0, 2 * STEPS, 10)), "traced every ten iterations"
    assert [curve.position for curve in product] == [0, 2], "no-GO knows no structure gradient in stage 2"
    assert product[0].iterations.tolist() == list(range(STEPS, 2 * STEPS))


def test_a_method_without_traces_has_no_curves(copied, settings, selection):
    for method in METHODS:
        shard = copied / f"results/{method}/tuples-0000.parquet"
        pd.read_parquet(shard).drop(columns="trace").to_parquet(shard)
    run = open_run(settings, copied)
    curves = read_curves(run, METHODS)
    assert curves.stage_two is None
    assert not any(curves.by_quantity.values())
    with pytest.raises(NothingToShow, match="traces"):
        BY_NAME["figure05"].draw(run, selection)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_figures_are_the_same_bytes_twice(run, theme):
    def drawn() -> list[bytes]:
        curves = draw_curves(read_curves(run, METHODS), theme)
        return [png_bytes(figure, dpi=60) for figure in (curves, hair_iou.draw_hair_iou(run, METHODS, theme))]

    first = drawn()
    assert first == drawn()
    assert b"matplotlib" not in first[0]


def test_a_score_that_the_run_lacks_is_named(run):
    assert pictures.score_of(run, "hair_iou", "structure") in SCORES
    with pytest.raises(NothingToShow, match="no such_score"):
        pictures.score_of(run, "such_score", "structure")
