"""The shard loop: rows in order, bad portraits set aside with their reason, slices that cover everything."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from pyarrow.parquet import ParquetFile

from loho_bench.annotation.parsing import find_hair_and_face
from loho_bench.annotation.record import COLUMNS, Annotation, rejected_row, write_rows
from loho_bench.annotation.shards import AHEAD, BATCH, annotate_images, annotate_shard
from loho_bench.errors import UserError
from loho_bench.portraits.images import RejectedImage, load_rgb, resize, to_tensor
from loho_bench.settings.project import AnnotationSettings, Settings
from loho_bench.storage import read_table


class ColourParser:
    """Calls red pixels hair and blue pixels face, and counts what it is given."""

    size = 128

    def __init__(self):
        self.batches = []

    def parse(self, images: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(images))
        labels = torch.zeros(images.shape[0], *images.shape[2:], dtype=torch.uint8)
        labels[images[:, 0] > 0.5] = 2
        labels[images[:, 2] > 0.5] = 13
        return labels


class CentreDetector:
    """Puts all points in the centre of the blue pixels."""

    size = 128

    def detect(self, images: torch.Tensor) -> torch.Tensor:
        blue = (images[:, 2] > 0.5).float()
        steps = (torch.arange(images.shape[-1]) + 0.5) / images.shape[-1]
        centre = (
            torch.stack([(blue.sum(1) @ steps), (blue.sum(2) @ steps)], dim=-1) / blue.sum((1, 2))[:, None]
        )
        return centre[:, None].expand(-1, 68, 2)


def picture(side: int, hair: float, face: float) -> Image.Image:
    """Hair in the upper ``hair`` of the frame, face in the lower ``face``."""
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[: round(side * hair), :, 0] = 255
    pixels[side - round(side * face) :, :, 2] = 255
    return Image.fromarray(pixels)


@pytest.fixture
def portraits(tmp_path) -> pd.DataFrame:
    """Forty portraits, four of them bad in one way each."""
    rows = []
    for index in range(40):
        path = tmp_path / f"p{index:02d}.png"
        hair, face = (0, 0.5) if index == 5 else (0.25, 0) if index == 6 else (index / 80, 0.25)
        picture(256 if index % 2 else 128, hair, face).save(path)
        rows.append({"portrait_id": path.stem, "path": str(path)})
    (tmp_path / "p07.png").unlink()
    (tmp_path / "p20.png").write_bytes((tmp_path / "p20.png").read_bytes()[:100])
    return pd.DataFrame(rows)


def test_networks_annotate_in_batches_and_bad_portraits_stop_nobody(portraits):
    parser = ColourParser()
    rows = pd.DataFrame(annotate_images(portraits, parser, CentreDetector(), mask_size=256))
    assert tuple(rows.columns) == COLUMNS
    assert list(rows["portrait_id"]) == list(portraits["portrait_id"])
    assert parser.batches == [15, 15, 8]
    rejected = rows[rows["status"] == "rejected"].set_index("portrait_id")["reason"]
    assert list(rejected.index) == ["p06", "p07", "p20"]
    assert rejected["p06"] == "no face found"
    assert "no such file" in rejected["p07"]
    assert "truncated" in rejected["p20"]
    bald = rows.set_index("portrait_id").loc["p05"]
    assert (bald["status"], bald["hair_fraction"]) == ("ok", 0.0)
    assert "no hair found" in bald["reason"]


def test_masks_and_landmarks_are_those_of_the_networks(portraits):
    rows = pd.DataFrame(annotate_images(portraits, ColourParser(), CentreDetector(), mask_size=64))
    for index in (8, 9, 32, 39):
        annotation = Annotation.from_row(rows.iloc[index])
        np.testing.assert_array_equal(annotation.face, np.arange(64)[:, None].repeat(64, 1) >= 48)
        assert annotation.hair_fraction == pytest.approx(index / 80, abs=1 / 64)
        np.testing.assert_array_equal(annotation.hair, annotation.hair[:, :1].repeat(64, 1))
        np.testing.assert_allclose(annotation.landmarks, np.full((68, 2), [0.5, 0.875]), atol=1e-6)
        assert annotation.landmarks.dtype == np.float32


def one_after_the_other(portraits: pd.DataFrame, parser, detector, mask_size: int) -> list[dict]:
    """What the pipeline computes, without one: read, reduce, parse, detect, one portrait at a time."""
    rows = []
    for portrait_id, path in zip(portraits["portrait_id"], portraits["path"], strict=True):
        try:
            image = to_tensor(resize(load_rgb(path), 128)[None].copy())
        except RejectedImage as rejection:
            rows.append(rejected_row(portrait_id, mask_size, rejection.reason))
            continue
        hair, face = find_hair_and_face(image, parser, mask_size)
        if not face.any():
            rows.append(rejected_row(portrait_id, mask_size, "no face found"))
            continue
        note = "" if hair.any() else "no hair found: the portrait takes part in no tuple"
        points = detector.detect(image)[0].numpy()
        rows.append(Annotation(portrait_id, hair[0], face[0], points, note).to_row())
    return rows


@pytest.mark.parametrize("threads", [1, 4])
def test_the_pipeline_gives_what_one_after_the_other_gives(portraits, tmp_path, threads, monkeypatch):
    random = np.random.default_rng(0)
    for index in range(10, 16):  # pictures of other sizes and kinds, whose resizing mixes pixels
        pixels = random.integers(0, 256, (150 + 40 * index,) * 2 + (3,), dtype=np.uint8)
        path = tmp_path / f"p{index}.{'jpg' if index % 2 else 'png'}"
        Image.fromarray(pixels).resize((40, 40)).resize(pixels.shape[:2]).save(path)
        portraits.loc[index, "path"] = str(path)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    found = pd.DataFrame(annotate_images(portraits, ColourParser(), CentreDetector(), 64))
    wanted = pd.DataFrame(one_after_the_other(portraits, ColourParser(), CentreDetector(), 64))
    assert set(found["status"]) == {"ok", "rejected"}
    pd.testing.assert_frame_equal(found, wanted, check_exact=True)


def test_files_are_read_only_a_little_ahead_of_the_networks(portraits, monkeypatch):
    read = []
    monkeypatch.setattr(
        "loho_bench.annotation.shards.load_resized",
        lambda path, size: read.append(path) or np.full((size, size, 3), 255, np.uint8),
    )
    many = portraits.iloc[[0] * 1000].assign(portrait_id=[f"{index:04d}" for index in range(1000)])
    rows = annotate_images(many, ColourParser(), CentreDetector(), 32)
    for count in range(1, 200):
        next(rows)
        assert len(read) <= count + BATCH + AHEAD
    rows.close()


def test_networks_compute_in_the_arithmetic_asked_for(portraits):
    class Asked(ColourParser):
        def parse(self, images):
            self.batches.append(torch.is_autocast_enabled("cpu"))
            return super().parse(images)

    reduced = partial(torch.autocast, "cpu", torch.bfloat16)
    for arithmetic, wanted in ((reduced, True), (nullcontext, False)):
        parser = Asked()
        for _ in annotate_images(portraits[:3], parser, CentreDetector(), 32, arithmetic):
            assert not torch.is_autocast_enabled("cpu"), "it would hold for whoever takes the rows"
        assert parser.batches[0] is wanted


def test_rows_of_many_portraits_are_written_as_they_come(tmp_path):
    masks = np.random.default_rng(1).random((1203, 2, 32, 32)) < 0.5
    points = np.random.default_rng(2).random((1203, 68, 2), dtype=np.float32)
    rows = [Annotation(f"{i:04d}", *masks[i], points[i]).to_row() for i in range(1203)]
    for bad in (0, 700):
        rows[bad] = rejected_row(f"{bad:04d}", 32, "no face found")
    write_rows(iter(rows), tmp_path / "many.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "many.parquet"), pd.DataFrame(rows), check_exact=True)
    assert ParquetFile(tmp_path / "many.parquet").num_row_groups > 1

    def spoilt():
        yield from rows[:600]
        raise UserError("the rest is missing")

    with pytest.raises(UserError):
        write_rows(spoilt(), tmp_path / "half.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["many.parquet"]


@pytest.fixture
def given(ffhq, tmp_path) -> tuple[Path, Settings]:
    """The eight photographs' ids with copies of their given annotations, to be spoilt."""
    shutil.copytree(ffhq / "masks", tmp_path / "masks")
    shutil.copy(ffhq / "landmarks.csv", tmp_path / "landmarks.csv")
    names = sorted(path.stem for path in (ffhq / "masks").glob("*.png"))
    table = pd.DataFrame({"portrait_id": names, "path": "", "status": "ok"})
    table.loc[len(table)] = ["set-aside", "", "rejected"]
    table.to_parquet(tmp_path / "portraits.parquet")
    chosen = AnnotationSettings(
        source="given", masks=str(tmp_path / "masks"), landmarks=str(tmp_path / "landmarks.csv"), shard_size=3
    )
    return tmp_path, Settings(annotation=chosen)


def test_shards_cover_every_usable_portrait_once(given):
    folder, settings = given
    shards = []
    for number in range(4):
        annotate_shard(folder / "portraits.parquet", settings, number, folder / f"{number}.parquet")
        shards.append(read_table(folder / f"{number}.parquet"))
    assert [len(shard) for shard in shards] == [3, 3, 2, 0]
    assert tuple(shards[3].columns) == COLUMNS
    table = pd.concat(shards, ignore_index=True)
    assert "set-aside" not in set(table["portrait_id"])
    assert set(table["status"]) == {"ok"}
    for _, row in table.iterrows():
        annotation = Annotation.from_row(row)
        pixels = np.asarray(Image.open(folder / "masks" / f"{row['portrait_id']}.png"))
        np.testing.assert_array_equal(annotation.hair, pixels[..., 0] > 127)
        np.testing.assert_array_equal(annotation.face, pixels[..., 2] > 127)
        assert row["hair_fraction"] == (pixels[..., 0] > 127).mean()
        assert row["face_fraction"] == (pixels[..., 2] > 127).mean()
        assert annotation.landmarks.shape == (68, 2)


def test_spoilt_given_annotations_are_named_and_stop_nobody(given):
    folder, settings = given
    names = sorted(path.stem for path in (folder / "masks").glob("*.png"))
    masks = [folder / "masks" / f"{name}.png" for name in names]
    masks[0].unlink()
    Image.open(masks[1]).resize((256, 128)).save(masks[1])
    Image.open(masks[2]).resize((512, 512), Image.Resampling.NEAREST).save(masks[2])
    Image.new("RGB", (256, 256)).save(masks[3])
    lines = (folder / "landmarks.csv").read_text().splitlines()
    lines = [line for line in lines if not line.startswith(names[4])]
    (folder / "landmarks.csv").write_text("\n".join(lines))
    settings = settings.model_copy(
        update={"annotation": settings.annotation.model_copy(update={"shard_size": 8})}
    )
    annotate_shard(folder / "portraits.parquet", settings, 0, folder / "out.parquet")
    table = read_table(folder / "out.parquet")
    assert list(table["portrait_id"]) == names
    assert list(table["status"]) == ["rejected", "rejected", "ok", "rejected", "rejected", "ok", "ok", "ok"]
    for index, word in {0: "mask missing", 1: "256x128", 3: "no face", 4: "missing landmarks"}.items():
        assert word in table["reason"][index]
    np.testing.assert_array_equal(
        Annotation.from_row(table.iloc[2]).hair, np.asarray(Image.open(masks[2]))[::2, ::2, 0] > 127
    )


@pytest.mark.parametrize("missing", ["landmarks.csv", "masks"])
def test_missing_input_stops_the_shard_before_anything_is_written(given, missing):
    folder, settings = given
    (folder / missing).rename(folder / "elsewhere")
    with pytest.raises(UserError, match=f"{folder / missing}"):
        annotate_shard(folder / "portraits.parquet", settings, 0, folder / "out.parquet")
    assert not (folder / "out.parquet").exists()
