"""Contact sheets: pictures where they belong, labels beside them, four files of moderate size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from loho_bench.evaluation.contact_sheet import contact_sheet
from loho_bench.evaluation.sheets import SheetSizes, write_sheets
from loho_bench.settings.loading import load_settings


def tiles(count: int) -> list[np.ndarray]:
    return [np.full((128, 128, 3), 10 * i + 5, np.uint8) for i in range(count)]


def test_every_picture_is_there_once_in_its_place():
    sheet = contact_sheet([tiles(6)[:3], tiles(6)[3:]], ("a", "b", "c"), ("upper", "lower"))
    assert sheet.dtype == np.uint8
    places = {}
    for i in range(6):
        y, x = np.nonzero((sheet == 10 * i + 5).all(-1))
        inside = (y >= y.max() - 127) & (x >= x.max() - 127)
        assert inside.sum() == 128 * 128
        places[i] = (y.max(), x.max())
    assert places[0][0] == places[2][0] < places[3][0] == places[5][0]
    assert places[0][1] == places[3][1] < places[1][1] == places[4][1] < places[2][1]


def test_labels_are_drawn_in_the_margins_only():
    plain = contact_sheet([tiles(2)] * 2)
    labelled = contact_sheet([tiles(2)] * 2, ("one", "two"), ("row", "row"))
    extra = [a - b for a, b in zip(labelled.shape, plain.shape, strict=True)]
    assert extra[0] == extra[1] > 10
    heading = labelled[8 : 8 + extra[0], 8 + extra[0] : -8]
    assert (heading < 128).any()
    beside = labelled[8 + extra[0] : -8, 8 : 8 + extra[1]]
    assert (beside[:128] < 128).any()
    assert (beside[132:] == 255).all(), "an equal label is not repeated"
    assert np.array_equal(labelled[8 + extra[0] :, 8 + extra[1] :], plain[8:, 8:])


def test_rows_and_labels_have_to_fit():
    with pytest.raises(ValueError, match="sheet"):
        contact_sheet([tiles(2), tiles(3)])
    with pytest.raises(ValueError, match="headings"):
        contact_sheet([tiles(2)], ("one",))


@pytest.mark.slow
def test_one_call_writes_all_sheets(tmp_path):
    settings = load_settings(Path(__file__).parents[2] / "config" / "default.yaml")
    quick = settings.loho.model_copy(update={"steps_stage_one": 1, "steps_stage_two": 1})
    sizes = SheetSizes(columns=2, rows=2, inversion_steps=(1, 2), tuples_per_category=1, portraits=110)
    paths = write_sheets(tmp_path, 3, settings.model_copy(update={"loho": quick}), sizes=sizes)
    names = [f"sheet-{name}.png" for name in ("renders", "samples", "inversions", "transfers")]
    assert [path.name for path in paths] == names
    widths = [Image.open(path).size[0] for path in paths]
    assert widths[0] < widths[1] == widths[2] < widths[3]
