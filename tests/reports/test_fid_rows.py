"""``fid.csv`` against clean-fid's own distance on features computed here, and what its rows say."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from fake_run import REPORTED, ColourParser
from PIL import Image
from scipy import linalg
from torch import nn

from loho_bench.errors import UserError
from loho_bench.metrics.features import EmbeddedExtractor
from loho_bench.metrics.inception import InceptionExtractor
from loho_bench.reports.features import choose_extractor
from loho_bench.reports.run import open_run
from loho_bench.reports.tables.fid_rows import comparability, fid_interval, read_fid, write_fid
from loho_bench.reports.tables.table2 import table2


class ThreeMeans:
    """Mean red, green and blue: few enough for a plain matrix square root. Counts the images it sees."""

    name = "three-means"

    def __init__(self):
        self.seen = 0

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        self.seen += len(images)
        return images.mean(dim=(2, 3)) / 255


def means(paths, foregrounds=None) -> np.ndarray:
    """Features without torch or clean-fid: Pillow's bicubic resizing channel by channel in floats."""
    rows = []
    for i, path in enumerate(paths):
        image = np.asarray(Image.open(path))
        if foregrounds is not None:
            image = np.where(foregrounds[i][..., None], image, 128)
        channels = [Image.fromarray(image[..., c].astype(np.float32), mode="F") for c in range(3)]
        rows.append([np.asarray(c.resize((299, 299), Image.BICUBIC)).mean() / 255 for c in channels])
    return np.array(rows)


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    gap = first.mean(axis=0) - second.mean(axis=0)
    covariances = [np.cov(features, rowvar=False) for features in (first, second)]
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    return float(gap @ gap + np.trace(covariances[0] + covariances[1] - 2 * root))


def mmd(first: np.ndarray, second: np.ndarray) -> float:
    """KID from whole kernel matrices."""
    (xx, xy), (_, yy) = ([(a @ b.T / a.shape[1] + 1) ** 3 for b in (first, second)] for a in (first, second))
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (xx, yy)]
    return within[0] + within[1] - 2 * xy.mean()


def eligible(root) -> pd.DataFrame:
    table = pd.concat(pd.read_parquet(path) for path in sorted(root.glob("annotations/*.parquet")))
    return table[(table["status"] == "ok") & (table["hair_fraction"] >= 0.18)]


def row(table, method, reading="full", category="overall"):
    chosen = table[
        (table["method"] == method) & (table["reading"] == reading) & (table["category"] == category)
    ]
    assert len(chosen) == 1
    return chosen.iloc[0]


def written(settings, root, extractor=None) -> pd.DataFrame:
    run = open_run(settings, root, ColourParser())
    return write_fid(run, REPORTED, root / "fid.csv", extractor=extractor or ThreeMeans())


@pytest.fixture(scope="module")
def table(root, settings):
    return written(settings, root)


def test_full_frames_overall_and_by_category(root, table):
    reference = means([root / f"portraits/images/{name}.png" for name in eligible(root)["portrait_id"]])
    ids = [f"{category}-{i:04d}" for category in ("easy", "medium", "difficult") for i in (1, 2, 3)]
    ours = means([root / f"results/loho/portraits/{name}.png" for name in ids])
    assert row(table, "loho")["fid"] == pytest.approx(frechet(ours, reference), rel=1e-3)
    medium = row(table, "loho", category="medium")
    assert medium["fid"] == pytest.approx(frechet(ours[3:6], reference), rel=1e-3)
    assert (medium["n"], medium["n_reference"]) == (3, len(reference))
    assert row(table, "loho")["kid"] == pytest.approx(mmd(ours, reference), rel=1e-3)
    assert medium["kid"] == pytest.approx(mmd(ours[3:6], reference), rel=1e-3)
    assert 0 < row(table, "loho")["kid_error"] < medium["kid_error"]


def test_hair_and_face_are_masked_on_both_sides(root, table):
    rows = eligible(root)
    masks = [
        np.unpackbits(np.frombuffer(hair, np.uint8) | np.frombuffer(face, np.uint8))
        .reshape(64, 64)
        .astype(bool)
        for hair, face in zip(rows["hair_mask"], rows["face_mask"], strict=True)
    ]
    reference = means([root / f"portraits/images/{name}.png" for name in rows["portrait_id"]], masks)
    paths = [
        root / f"results/loho/portraits/{c}-{i:04d}.png"
        for c in ("easy", "medium", "difficult")
        for i in (1, 2, 3)
    ]
    upper = np.arange(64)[:, None] < 32  # what the stand-in parser calls hair
    ours = means(paths, [np.broadcast_to(upper, (64, 64))] * 9)
    assert row(table, "loho", "hair+face")["fid"] == pytest.approx(frechet(ours, reference), rel=1e-3)


def test_rows_say_what_made_them(table):
    assert len(table) == 2 * 4 * len(REPORTED)
    first = row(table, "loho")
    assert first["comparable"] == "embedded extractor, synthetic portraits: not comparable with FFHQ numbers"
    assert (first["extractor"], first["protocol"], first["resolution"]) == ("three-means", "clean", "64")
    assert (first["settings_hash"], first["weights_hash"]) == ("settings0", "weights")
    for number in ("fid", "kid"):
        assert first[f"{number}_low"] <= first[number] <= first[f"{number}_high"]


def test_failed_tuples_are_counted_not_replaced(table):
    lost = row(table, "loho-no-go", category="medium")
    assert (lost["n"], lost["failed"]) == (2, 1)
    assert row(table, "loho-no-go")["n"] == 8
    assert row(table, "true-answer")["n"] == 9


def test_features_are_computed_once_and_again_when_a_portrait_changes(copied, settings):
    shutil.rmtree(copied / "scores" / "features", ignore_errors=True)

    def seen() -> int:
        extractor = ThreeMeans()
        written(settings, copied, extractor)
        return extractor.seen

    assert seen() == 2 * (len(eligible(copied)) + 9 * len(REPORTED) - 1)
    assert seen() == 0
    path = copied / "results/loho/portraits/easy-0001.png"
    Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    assert seen() == 2 * 9


def test_a_method_that_failed_everywhere_has_rows_without_a_number(copied, settings):
    shard = copied / "results/loho/tuples-0000.parquet"
    pd.read_parquet(shard).assign(status="failed", portrait=None).to_parquet(shard)
    table = written(settings, copied)
    lost = row(table, "loho")
    assert np.isnan(lost["fid"])
    assert (lost["n"], lost["failed"]) == (0, 9)
    shown = table2(open_run(settings, copied), read_fid(copied / "fid.csv"), REPORTED)
    cells = dict(zip(shown.header, shown.rows[0], strict=True))
    assert (cells["This run"].text, cells["Difference"].text, cells["n"].text) == ("–", "–", "0 (9 failed)")
    assert (cells["KID × 1000"].text, cells["KID × 1000"].note) == ("–", "")


def test_the_table_comes_back_from_its_csv(root, table, settings):
    again = read_fid(root / "fid.csv")
    assert again["fid"].tolist() == pytest.approx(table["fid"].tolist())
    ours = fid_interval(again, "loho", "hair+face", "easy", "kid")
    expected = row(table, "loho", "hair+face", "easy")
    assert (ours.value, ours.low, ours.high) == pytest.approx(tuple(expected[["kid", "kid_low", "kid_high"]]))
    assert np.isnan(fid_interval(again, "nobody", "full", "easy").value)


def named(settings, **networks):
    return settings.model_copy(update={"networks": settings.networks.model_copy(update=networks)})


def test_the_settings_name_the_extractor(settings, tmp_path):
    assert isinstance(choose_extractor(settings), EmbeddedExtractor)
    file = tmp_path / "any-name.pt"
    inception = named(settings, extractor="inception", inception_mode="legacy_tensorflow").model_copy(
        update={"weights": settings.weights.model_copy(update={"files": {"inception-clean": str(file)}})}
    )
    with pytest.raises(UserError, match="inception-clean"):
        choose_extractor(inception)
    program = nn.Module()
    program.layers = nn.Conv2d(3, 4, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(program).save(file)
    found = choose_extractor(inception)
    assert isinstance(found, InceptionExtractor)
    assert (found.name, found.protocol) == ("inception-v3 (legacy_tensorflow)", "legacy_tensorflow")


@pytest.mark.parametrize(
    ("name", "generator", "drawn", "expected"),
    [
        ("inception-v3 (clean)", "stylegan2-ffhq", True, "published extractor, synthetic portraits: not"),
        ("inception-v3 (clean)", "embedded", False, "has only seen drawings: not comparable"),
        ("three-means", "stylegan2-ffhq", False, "embedded extractor, photographs: not comparable"),
        ("inception-v3 (clean)", "stylegan2-ffhq", False, "published extractor, photographs: comparable"),
    ],
)
def test_only_published_networks_on_photographs_compare(copied, settings, name, generator, drawn, expected):
    if not drawn:
        portraits = copied / "portraits/portraits.parquet"
        pd.read_parquet(portraits).assign(parameters="").to_parquet(portraits)
    run = open_run(named(settings, generator=generator), copied)
    assert expected in comparability(run, name)
