"""The whole workflow on real photographs with given masks and landmarks, with very short transfers."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from snakemake_runs import REALLY_RUNS, ROOT, snakemake

pytestmark = [*REALLY_RUNS, pytest.mark.slow]

# Table 1 of the paper: face IoU above and up to, pose distance from and below.
TABLE_1 = {"easy": (0.8, 1.0, 0, 2), "medium": (0.7, 0.8, 2, 4), "difficult": (0.6, 0.7, 4, 5)}
PER_CATEGORY = 2


@pytest.fixture(scope="module")
def run(ffhq, tmp_path_factory) -> Path:
    """Folder of a finished run, by the shipped settings for photographs with these on top."""
    folder = tmp_path_factory.mktemp("photographs")
    short = {"steps_stage_one": 3, "steps_stage_two": 3, "style_resolution": 128}
    settings = {
        "portraits": {"folder": str(ffhq / "images")},
        "annotation": {"masks": str(ffhq / "masks"), "landmarks": str(ffhq / "landmarks.csv")},
        "tuples": {"per_category": PER_CATEGORY, "reconstructions": 1},
        "loho": short,
        "reports": {"methods": ["loho"], "ablation": [], "reconstruction": ["loho"], "bootstrap": 100},
    }
    own = folder / "photographs.yaml"
    own.write_text(yaml.safe_dump(settings))
    shipped = str(ROOT / "config" / "photographs.yaml")
    result = snakemake(folder, "reports/fid.csv", "--configfile", shipped, str(own))
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def eligible(ffhq) -> dict[str, int]:
    """Ordered pairs in each category, counted by the plain formulas."""
    table = pd.read_csv(ffhq / "landmarks.csv", dtype={"portrait_id": str}).sort_values("point")
    points = {name: rows[["x", "y"]].to_numpy() for name, rows in table.groupby("portrait_id")}
    masks = {path.stem: np.array(Image.open(path)) > 127 for path in (ffhq / "masks").glob("*.png")}
    hairy = [name for name, mask in masks.items() if mask[..., 0].mean() >= 0.18]
    counts = dict.fromkeys(TABLE_1, 0)
    for first, second in permutations(hairy, 2):
        face, other = masks[first][..., 2], masks[second][..., 2]
        iou = np.sum(face & other) / np.sum(face | other)
        distance = 128 * np.linalg.norm(points[first] - points[second], axis=1).mean()
        for category, (iou_low, iou_high, pose_low, pose_high) in TABLE_1.items():
            counts[category] += int(iou_low < iou <= iou_high and pose_low <= distance < pose_high)
    return counts


def test_census_is_that_of_the_plain_formulas(run, eligible):
    census = pd.read_csv(run / "tuples" / "census.csv").set_index("category")
    assert census["eligible_pairs"].to_dict() == eligible
    assert census["drawn"].to_dict() == {name: min(n, PER_CATEGORY) for name, n in eligible.items()}
    assert sum(eligible.values()) > 0


def test_every_tuple_has_its_portrait(run, eligible):
    tuples = pd.read_csv(run / "tuples" / "tuples.csv")
    assert len(tuples) == sum(min(n, PER_CATEGORY) for n in eligible.values())
    pictures = {path.stem: Image.open(path) for path in (run / "results/loho/portraits").glob("*.png")}
    edits = pd.read_csv(run / "tuples" / "editing.csv")
    assert set(pictures) == {*tuples["tuple_id"], *edits["tuple_id"], "reconstruction-0001"}
    assert {picture.size for picture in pictures.values()} == {(128, 128)}
    # Not a constant picture: a photograph's background is in it.
    assert all(np.array(picture).std() > 10 for picture in pictures.values())


def test_reports_know_that_the_portraits_are_photographs(run):
    table = pd.read_csv(run / "reports" / "fid.csv")
    assert table["comparable"].str.contains("not comparable with FFHQ").all()
    assert set(table["method"]) == {"loho"}, "nobody knows the true answer of photographs"
    page = " ".join((run / "reports" / "index.html").read_text().split())
    assert "The portraits are photographs, but the generator" in page
    assert "these portraits have no true answer" in page
    assert ", to the true answer" not in page
    scores = pd.read_csv(run / "reports" / "scores.csv")
    assert not scores["against"].eq("true answer").any()
