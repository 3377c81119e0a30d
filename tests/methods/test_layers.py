"""Masks, soft masks and backgrounds as files: what they show, and that they are made once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from loho_bench.annotation.given import read_masks
from loho_bench.annotation.record import Annotation, rejected_row
from loho_bench.methods.compositing import Telea
from loho_bench.methods.layers import write_layers
from loho_bench.storage import file_sha256, write_png, write_table

SIZE, MASK = 64, 32


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Two portraits, a white square on a grey ramp each, and one that was set aside."""
    monkeypatch.chdir(tmp_path)
    ramp = np.linspace(60, 160, SIZE).astype(np.uint8)[None, :, None].repeat(SIZE, 0).repeat(3, 2)
    image = ramp.copy()
    image[24:40, 24:40] = 255
    hair, face = np.zeros((2, MASK, MASK), bool)
    hair[12:16, 12:20] = True
    face[16:20, 12:20] = True
    portraits, notes = [], []
    for name in ("a", "b", "c"):
        write_png(image, f"{name}.png")
        portraits.append({"portrait_id": name, "path": f"{name}.png", "sha256": file_sha256(f"{name}.png")})
        points = np.zeros((68, 2), np.float32)
        notes.append(
            rejected_row(name, MASK, "no face found")
            if name == "c"
            else Annotation(name, hair, face, points).to_row()
        )
    write_table(pd.DataFrame(portraits), "portraits.parquet")
    write_table(pd.DataFrame(notes), "notes.parquet")
    return tmp_path, ramp, hair, face


def test_the_layers_of_every_annotated_portrait(world):
    folder, ramp, hair, face = world
    assert write_layers("portraits.parquet", ["notes.parquet"], "layers", SIZE, Telea()) == 2
    kinds = ("backgrounds", "masks", "soft_masks")
    assert sorted(path.name for path in (folder / "layers").iterdir()) == list(kinds)
    for kind in kinds:
        assert sorted(path.name for path in (folder / "layers" / kind).iterdir()) == ["a.png", "b.png"]
    again = read_masks(folder / "layers" / "masks", "a", MASK)
    np.testing.assert_array_equal(again, (hair, face))
    soft = np.asarray(Image.open("layers/soft_masks/a.png")).astype(int)
    assert soft.shape == (SIZE, SIZE)
    assert soft[32, 32] == 255
    assert soft[0, 0] == 0
    assert 0 < soft[32, 23] < 255  # feathered, not cut
    background = np.asarray(Image.open("layers/backgrounds/a.png")).astype(int)
    assert np.abs(background - ramp)[24:40, 24:40].max() < 40  # the white square is gone
    np.testing.assert_array_equal(background[:8], ramp[:8])


def test_what_is_there_is_not_made_again(world):
    write_layers("portraits.parquet", ["notes.parquet"], "layers", SIZE, Telea())
    (world[0] / "layers" / "backgrounds" / "b.png").unlink()
    before = (world[0] / "layers" / "masks" / "a.png").stat().st_mtime_ns
    assert write_layers("portraits.parquet", ["notes.parquet"], "layers", SIZE, Telea()) == 1
    assert (world[0] / "layers" / "masks" / "a.png").stat().st_mtime_ns == before
