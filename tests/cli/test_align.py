"""``loho-bench align``: raw photographs in, portraits and a table of what became of each out."""

from __future__ import annotations

import json
import logging

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from loho_bench.cli import main
from loho_bench.errors import UserError
from loho_bench.portraits import align_folder
from loho_bench.storage import read_table


def leave(arguments: list[str]) -> int:
    """Run the program in this process and return its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return exit_.value.code


def landmarks(x, y):
    """68 points: eyes 40 pixels apart around x, y, and a mouth 48 below: a square of 173 pixels."""
    points = np.full((68, 2), [x, y], dtype=float)
    points[36:42], points[42:48] = (x - 20, y), (x + 20, y)
    points[48], points[54] = (x - 12, y + 48), (x + 12, y + 48)
    return points


def write_landmarks(path, faces):
    rows = [
        (portrait_id, number, x, y)
        for portrait_id, points in faces.items()
        for number, (x, y) in enumerate(points)
    ]
    pd.DataFrame(rows, columns=["portrait_id", "point", "x", "y"]).to_csv(path, index=False)
    return path


@pytest.fixture
def photographs(tmp_path):
    """A folder of two photographs, one wide and one that its camera held upright, and a file that is none."""
    folder = tmp_path / "raw"
    folder.mkdir()
    random = np.random.default_rng(1)
    wide = random.integers(0, 256, (300, 420, 3), dtype=np.uint8)
    Image.fromarray(wide).save(folder / "wide.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side: to be turned clockwise
    Image.fromarray(wide).save(folder / "0042.jpg", exif=exif, quality=95)
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture
def table(tmp_path):
    """Landmarks of both: of the second in the upright picture of 300x420 pixels."""
    faces = {"wide": landmarks(210, 130), "0042": landmarks(150, 200), "broken": landmarks(1, 1)}
    return write_landmarks(tmp_path / "landmarks.csv", faces)


def rows_of(out):
    return read_table(out / "alignment.csv").astype(str).set_index("portrait_id")


def run(photographs, table, out, *more):
    return leave(["align", photographs, "--out", out, "--landmarks", table, "--size", "64", *more])


def test_photographs_become_portraits_and_what_is_wrong_is_told(photographs, table, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(photographs, table, out) == 0
    assert "2 of 3 photographs aligned" in capsys.readouterr().out
    rows = rows_of(out)
    assert rows["status"].to_dict() == {"wide": "ok", "0042": "ok", "broken": "rejected"}
    assert "not an image" in rows.loc["broken", "reason"]
    assert not (out / "broken.png").exists()
    for portrait_id in ("wide", "0042"):
        assert Image.open(out / f"{portrait_id}.png").size == (64, 64)
    quad = np.array(json.loads(rows.loc["wide", "quad"]))
    # Half a side is 1.8 * 48; the centre lies 4.8 below the eyes.
    np.testing.assert_allclose(quad[0], [210 - 86.4, 134.8 - 86.4], atol=0.01)
    np.testing.assert_allclose(quad[2], [210 + 86.4, 134.8 + 86.4], atol=0.01)


def test_an_upright_photograph_is_aligned_upright(photographs, table, tmp_path):
    out = tmp_path / "out"
    run(photographs, table, out)
    stored = np.asarray(Image.open(photographs / "0042.jpg"))
    upright = np.rot90(stored, -1)
    # The middle of the square: columns 150, rows 204.8 of the upright picture, seen at 2.7 pixels to one.
    expected = upright[184:226, 129:171].astype(float).mean(axis=(0, 1))
    found = np.asarray(Image.open(out / "0042.png"))[24:40, 24:40].astype(float).mean(axis=(0, 1))
    np.testing.assert_allclose(found, expected, atol=6)


def test_what_is_done_is_kept_and_what_has_changed_is_done_again(photographs, table, tmp_path, monkeypatch):
    out, done = tmp_path / "out", []
    run(photographs, table, out)
    first = {name: (out / f"{name}.png").read_bytes() for name in ("wide", "0042")}
    align = align_folder.align_portrait
    monkeypatch.setattr(
        align_folder, "align_portrait", lambda image, *more: done.append(image.shape) or align(image, *more)
    )
    assert run(photographs, table, out) == 0
    assert done == []
    assert rows_of(out)["status"].eq("ok").sum() == 2
    # A killed run leaves whole portraits and no table; another size, photograph or landmark is new work.
    (out / "alignment.csv").unlink()
    (out / "0042.png").unlink()
    run(photographs, table, out)
    assert done == [(420, 300, 3)]
    assert {name: (out / f"{name}.png").read_bytes() for name in first} == first
    Image.fromarray(np.zeros((300, 420, 3), dtype=np.uint8)).save(photographs / "wide.png")
    run(photographs, table, out)
    assert done[1:] == [(300, 420, 3)]
    write_landmarks(table, {"wide": landmarks(210, 130), "0042": landmarks(150, 201)})
    run(photographs, table, out)
    assert done[2:] == [(420, 300, 3)]


def test_a_photograph_that_went_bad_loses_its_portrait(photographs, table, tmp_path):
    out = tmp_path / "out"
    run(photographs, table, out)
    write_landmarks(table, {"wide": landmarks(210, 130)})
    assert run(photographs, table, out) == 0
    assert not (out / "0042.png").exists()
    assert "no row of '0042'" in rows_of(out).loc["0042", "reason"]


def test_files_of_others_are_never_overwritten(photographs, table, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    Image.new("RGB", (8, 8)).save(out / "wide.png")
    before = (out / "wide.png").read_bytes()
    assert run(photographs, table, out) == 0
    assert (out / "wide.png").read_bytes() == before
    assert "not made by" in rows_of(out).loc["wide", "reason"]


def test_results_below_the_photographs_are_not_taken_for_photographs(photographs, table, tmp_path):
    out = photographs / "aligned"
    run(photographs, table, out)
    assert run(photographs, table, out) == 0
    assert len(rows_of(out)) == 3


def test_two_photographs_of_one_name_are_set_aside(photographs, table, tmp_path):
    (photographs / "more").mkdir()
    Image.new("RGB", (300, 300)).save(photographs / "more" / "wide.bmp")
    out = tmp_path / "out"
    assert run(photographs, table, out) == 0
    rows = rows_of(out)
    assert (rows.loc["wide", "status"] == "rejected").all()
    assert rows.loc["wide", "reason"].str.contains("shared by").all()
    assert not (out / "wide.png").exists()


def test_a_point_that_is_missing_costs_its_photograph_only(photographs, table, tmp_path):
    given = pd.read_csv(table, dtype=str)
    given = given[~((given["portrait_id"] == "wide") & (given["point"] == "40"))]
    given.to_csv(table, index=False)
    out = tmp_path / "out"
    assert run(photographs, table, out) == 0
    assert "68 finite points" in rows_of(out).loc["wide", "reason"]
    assert rows_of(out).loc["0042", "status"] == "ok"


def test_single_files_can_be_named_and_small_faces_are_remarked(photographs, table, tmp_path, caplog):
    out = tmp_path / "out"
    arguments = ["--out", out, "--landmarks", table, "--size", "256"]
    with caplog.at_level(logging.WARNING, logger="loho_bench"):
        assert leave(["align", photographs / "wide.png", *arguments]) == 0
    assert "only 173 pixels wide" in rows_of(out).loc["wide", "reason"]
    assert "only 173 pixels wide" in caplog.text


def test_when_none_can_be_aligned_the_command_fails(photographs, table, tmp_path, capsys):
    out = tmp_path / "out"
    assert leave(["align", photographs / "broken.jpg", "--out", out, "--landmarks", table]) == 2
    assert "no photograph could be aligned" in capsys.readouterr().err
    assert rows_of(out).loc["broken", "status"] == "rejected"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no such file"), ("portrait_id,point,x\na,0,1\n", "no y")],
)
def test_a_table_that_is_none_is_refused(photographs, content, words, tmp_path, capsys):
    path = tmp_path / "bad.csv"
    if content:
        path.write_text(content)
    assert run(photographs, path, tmp_path / "out") == 2
    assert words in capsys.readouterr().err


def test_without_weights_the_missing_files_are_listed(photographs, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LOHO_BENCH_WEIGHTS", str(tmp_path / "nothing"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert leave(["align", photographs, "--out", tmp_path / "out"]) == 2
    said = capsys.readouterr().err
    assert "2dfan4" in said
    assert "s3fd" in said
    assert not (tmp_path / "out").exists()


def test_the_faces_that_a_detector_finds_are_aligned(photographs, tmp_path, monkeypatch):
    class FoundFaces:
        """In the place of 2D-FAN: two faces in what is wide, none in what is high."""

        def __init__(self, files, detector, device):
            assert detector == "yunet"

        def largest_face(self, picture):
            assert picture.dtype == np.uint8
            if picture.shape[0] > picture.shape[1]:
                raise UserError("no landmarks", cause="no face found", remedy="try another detector")
            return landmarks(210, 130) + 0.5, "2 faces found: the largest is taken"

    monkeypatch.setattr("loho_bench.annotation.fan.FanLandmarks", FoundFaces)
    monkeypatch.setattr("loho_bench.weights.needs.find_files", lambda settings, job: {})
    out = tmp_path / "out"
    assert leave(["align", photographs, "--out", out, "--detector", "yunet", "--size", "64"]) == 0
    rows = rows_of(out)
    assert rows.loc["0042", "reason"] == "no face found: try another detector"
    assert rows.loc["wide", "reason"] == "2 faces found: the largest is taken"
    # From edges to centres: the same square as from a table of pixels.
    quad = np.array(json.loads(rows.loc["wide", "quad"]))
    np.testing.assert_allclose(quad[0], [210 - 86.4, 134.8 - 86.4], atol=0.01)


@pytest.mark.parametrize(("name", "words"), [("sdf", "Did you mean 'sfd'?"), ("aligned", "aligned already")])
def test_a_detector_that_finds_no_faces_is_refused(photographs, name, words, tmp_path, capsys):
    assert leave(["align", photographs, "--out", tmp_path / "out", "--detector", name]) == 2
    assert words in capsys.readouterr().err


def test_a_missing_photograph_is_named(tmp_path, capsys):
    assert leave(["align", tmp_path / "absent.jpg", "--out", tmp_path / "out"]) == 2
    assert "absent.jpg" in capsys.readouterr().err
