"""The portraits table: folders of photographs with bad files among them, and synthetic portraits."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from loho_bench.errors import UserError
from loho_bench.portraits import synthetic
from loho_bench.portraits.folder import SUFFIXES, list_images
from loho_bench.portraits.table import COLUMNS, write_portraits
from loho_bench.provenance import derive_seed
from loho_bench.settings.project import PortraitSettings, Settings


def save(path: Path, side: int = 70, height: int | None = None, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (height or side, side, 3)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)).save(path)
    return path


def folder_settings(folder: Path) -> Settings:
    return Settings(portraits=PortraitSettings(source="folder", folder=str(folder)))


def table_of(settings: Settings, out: Path, workers: int = 1) -> pd.DataFrame:
    write_portraits(settings, out, workers)
    table = pd.read_parquet(out)
    assert tuple(table.columns) == COLUMNS
    return table


def test_a_bad_file_never_stops_the_rest(tmp_path):
    folder = tmp_path / "in"
    good = save(folder / "00007.png", 90)
    save(folder / "deep" / "good.JPG")
    save(folder / "wide.png", 90, 70)
    save(folder / "tiny.png", 20)
    whole = save(folder / "cut.png", 100).read_bytes()
    (folder / "cut.png").write_bytes(whole[:-4000])
    (folder / "text.jpg").write_text("no image")
    (folder / "notes.txt").write_text("passed over")
    save(folder / ".hidden.png")
    table = table_of(folder_settings(folder), tmp_path / "portraits.parquet").set_index("portrait_id")
    assert list(table.index) == ["00007", "cut", "good", "text", "tiny", "wide"]
    assert dict(table["status"]) == {
        "00007": "ok",
        "good": "ok",
        **dict.fromkeys(["cut", "text", "tiny", "wide"], "rejected"),
    }
    for portrait_id, word in {
        "cut": "truncated",
        "text": "unreadable",
        "tiny": "small",
        "wide": "align",
    }.items():
        assert word in table.loc[portrait_id, "reason"]
    row = table.loc["00007"]
    assert row["sha256"] == hashlib.sha256(good.read_bytes()).hexdigest()
    assert (row["width"], row["height"], row["reason"], row["path"]) == (90, 90, "", str(good))


def test_a_pattern_selects_portraits_by_their_ids(tmp_path):
    folder = tmp_path / "in"
    for number in (5, 59999, 60000, 69999):
        save(folder / f"{number // 1000 * 1000:05d}" / f"{number:05d}.png")
    chosen = {"source": "folder", "folder": str(folder), "select": "6????"}
    table = table_of(Settings(portraits=PortraitSettings(**chosen)), tmp_path / "portraits.parquet")
    assert list(table["portrait_id"]) == ["60000", "69999"]
    nothing = Settings(portraits=PortraitSettings(**{**chosen, "select": "7????"}))
    with pytest.raises(UserError, match=r"whose id fits '7\?\?\?\?'"):
        write_portraits(nothing, tmp_path / "none.parquet")


def test_files_that_share_an_id_are_both_set_aside(tmp_path):
    folder = tmp_path / "in"
    save(folder / "a.png")
    save(folder / "a.jpg")
    save(folder / "b.png")
    table = table_of(folder_settings(folder), tmp_path / "portraits.parquet")
    assert list(table["portrait_id"]) == ["a", "a", "b"]
    assert list(table["status"]) == ["rejected", "rejected", "ok"]
    assert "a.jpg" in table["reason"][0]
    assert "a.png" in table["reason"][0]
    save(folder / "deep" / "b.png")
    save(folder / "c.png")
    table = table_of(folder_settings(folder), tmp_path / "portraits.parquet").set_index("portrait_id")
    for path in (folder / "b.png", folder / "deep" / "b.png"):
        assert str(path) in table.loc["b", "reason"].iloc[0]


@pytest.mark.parametrize("content", [None, "nothing", "only bad"])
def test_a_folder_that_gives_no_portrait_says_so(tmp_path, content):
    folder = tmp_path / "in"
    if content:
        folder.mkdir()
    if content == "only bad":
        save(folder / "tiny.png", 20)
    with pytest.raises(UserError) as caught:
        write_portraits(folder_settings(folder), tmp_path / "portraits.parquet")
    assert str(folder) in str(caught.value)
    assert caught.value.cause
    assert caught.value.remedy
    if content == "only bad":
        assert "tiny.png: too small" in caught.value.cause


def test_the_eight_photographs_are_usable(ffhq, tmp_path):
    table = table_of(folder_settings(ffhq / "images"), tmp_path / "portraits.parquet")
    assert list(table["portrait_id"])[:2] == ["00018", "00761"]
    assert set(table["status"]) == {"ok"}
    assert set(table["width"]) == {1024}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> tuple[Settings, Path, pd.DataFrame]:
    settings = Settings(seed=5, portraits=PortraitSettings(count=4, size=64))
    out = tmp_path_factory.mktemp("run") / "portraits" / "portraits.parquet"
    return settings, out, table_of(settings, out)


def test_synthetic_portraits_are_what_their_parameters_say(drawn):
    _, out, table = drawn
    assert list(table["portrait_id"]) == [f"synthetic-{index:05d}" for index in range(4)]
    for index, row in table.iterrows():
        parameters = synthetic.PortraitParameters.from_dict(json.loads(row["parameters"]))
        assert parameters == synthetic.sample_parameters(derive_seed("portrait", 5, index))
        assert Path(row["path"]) == out.parent / "images" / f"{row['portrait_id']}.png"
        saved = np.asarray(Image.open(row["path"]))
        np.testing.assert_array_equal(saved, synthetic.render(parameters, 64).image)
        assert row["sha256"] == hashlib.sha256(Path(row["path"]).read_bytes()).hexdigest()


def test_the_number_of_processes_changes_nothing(drawn, tmp_path):
    settings, _, table = drawn
    other = table_of(settings, tmp_path / "portraits.parquet", workers=2)
    pd.testing.assert_frame_equal(other.drop(columns="path"), table.drop(columns="path"))


def test_a_second_run_redraws_only_what_is_not_whole_or_not_the_same(drawn, tmp_path):
    settings, _, _ = drawn
    out = tmp_path / "portraits.parquet"
    table = table_of(settings, out)
    paths = [Path(path) for path in table["path"]]
    paths[0].write_bytes(paths[0].read_bytes()[:500])
    Image.new("RGB", (64, 64)).save(paths[1])
    before = [path.stat().st_mtime_ns for path in paths]
    pd.testing.assert_frame_equal(table_of(settings, out), table)
    redrawn = [path.stat().st_mtime_ns != old for path, old in zip(paths, before, strict=True)]
    assert redrawn == [True, True, False, False]
    larger = settings.model_copy(update={"portraits": PortraitSettings(count=4, size=96)})
    assert set(table_of(larger, out)["width"]) == {96}
    assert Image.open(paths[3]).size == (96, 96)


def test_images_are_found_as_pathlib_finds_them(tmp_path):
    folder, elsewhere = tmp_path / "in", tmp_path / "elsewhere"
    names = ("00010.png", "b/00002.JPG", "b/c/00003.webp", ".hidden.png", "b/.thumbs/00004.png", "a.b.png")
    for name in (*names, "notes.txt", "b/png", "b/00005.png.part"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "folder.png").mkdir()
    elsewhere.mkdir()
    (elsewhere / "00006.png").touch()
    (folder / "linked").symlink_to(elsewhere)
    (folder / "00007.png").symlink_to(elsewhere / "00006.png")
    (folder / "00008.png").symlink_to(elsewhere / "nowhere.png")
    found = {
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    }
    listed = list_images(folder)
    assert {path.stem for path in found} == {"00010", "00002", "00003", "00004", "00007", "a.b"}
    assert set(listed) == found
    assert [path.stem for path in listed] == sorted(path.stem for path in found)
    assert [path.stem for path in list_images(folder, "0000?")] == ["00002", "00003", "00004", "00007"]
