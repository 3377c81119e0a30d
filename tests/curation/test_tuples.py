"""The tables of tuples: what they hold, that they do not move, what is said when they cannot be filled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from curation.test_census import FRAME, brute_force
from curation.worlds import annotations, table

from loho_bench.annotation.shards import annotate_shard
from loho_bench.curation.tuples import COLUMNS, EDITS, KINDS, kind_of, write_tuples
from loho_bench.errors import UserError
from loho_bench.portraits.table import write_portraits
from loho_bench.settings.project import AnnotationSettings, PortraitSettings, Settings, TupleSettings
from loho_bench.storage import read_table

FILES = ("tuples.csv", "reconstruction.csv", "editing.csv", "census.csv", "census_histogram.csv")


def settings_of(seed: int = 0, **tuples) -> Settings:
    return Settings(seed=seed, tuples=TupleSettings(landmark_frame=FRAME, **tuples))


@pytest.fixture(scope="module")
def world():
    return annotations(60)


@pytest.fixture
def shards(world, tmp_path) -> list[Path]:
    rows = table(world)
    paths = [tmp_path / f"shard-{number:04d}.parquet" for number in range(3)]
    for number, path in enumerate(paths):
        rows.iloc[number::3].to_parquet(path)
    return paths


def texts(folder: Path) -> list[str]:
    return [(folder / name).read_text() for name in FILES]


def test_tuples_keep_the_rules_of_the_paper(world, shards, tmp_path):
    write_tuples(shards, settings_of(per_category=10, reconstructions=6), tmp_path / "tuples")
    read = read_table(tmp_path / "tuples" / "tuples.csv")
    assert tuple(read.columns) == COLUMNS
    assert dict(read["category"].value_counts()) == {"easy": 10, "medium": 10, "difficult": 10}
    assert list(read["tuple_id"][[0, 9, 10, 29]]) == [
        "easy-0001",
        "easy-0010",
        "medium-0001",
        "difficult-0010",
    ]
    fractions = {one.portrait_id: one.hair.mean() for one in world}
    for role in ("identity", "structure", "appearance"):
        assert list(read[f"{role}_hair_fraction"]) == [fractions[name] for name in read[role]]
        assert read[f"{role}_hair_fraction"].min() >= 0.18
    roles = read[["identity", "structure", "appearance"]]
    assert (roles.nunique(axis=1) == 3).all()
    assert not roles.duplicated().any()
    low, high = {"easy": 0.8, "medium": 0.7, "difficult": 0.6}, {"easy": 1.0, "medium": 0.8, "difficult": 0.7}
    assert (read["face_iou"] > read["category"].map(low)).all()
    assert (read["face_iou"] <= read["category"].map(high)).all()
    assert (read["pose_distance"] >= read["category"].map({"easy": 0, "medium": 2, "difficult": 4})).all()
    assert (read["pose_distance"] < read["category"].map({"easy": 2, "medium": 4, "difficult": 5})).all()


def test_the_census_table(world, shards, tmp_path):
    write_tuples(shards, settings_of(per_category=7, reconstructions=0), tmp_path)
    census = read_table(tmp_path / "census.csv").set_index("category")
    expected = np.sum(list(brute_force(world, 0.18).values()), axis=0)
    assert census["eligible_pairs"].to_dict() == dict(
        zip(["easy", "medium", "difficult"], expected, strict=True)
    )
    assert census["drawn"].to_list() == [7, 7, 7]
    assert census.loc["medium", ["iou_low", "iou_high", "pose_low", "pose_high"]].to_list() == [
        0.7,
        0.8,
        2,
        4,
    ]


def test_the_histogram_adds_up_to_the_census(world, shards, tmp_path):
    write_tuples(shards, settings_of(per_category=1, reconstructions=0), tmp_path)
    census = read_table(tmp_path / "census.csv")
    histogram = read_table(tmp_path / "census_histogram.csv")
    assert list(histogram.columns) == ["iou_low", "iou_high", "pose_low", "pose_high", "pairs"]
    assert (histogram["iou_high"] - histogram["iou_low"]).round(9).unique() == [0.01]
    assert (histogram["pose_high"] - histogram["pose_low"]).round(9).unique() == [0.1]
    for row in census.itertuples():
        cells = histogram[
            (histogram["iou_low"] >= row.iou_low)
            & (histogram["iou_high"] <= row.iou_high)
            & (histogram["pose_low"] >= row.pose_low)
            & (histogram["pose_high"] <= row.pose_high)
        ]
        assert cells["pairs"].sum() == row.eligible_pairs > 0
    assert histogram["pairs"].sum() > census["eligible_pairs"].sum()


def test_faces_are_compared_at_the_size_that_is_set(world, shards, tmp_path):
    write_tuples(shards, settings_of(per_category=20, reconstructions=0, mask_size=32), tmp_path)
    faces = {one.portrait_id: one.face.reshape(32, 2, 32, 2).sum(axis=(1, 3)) >= 2 for one in world}
    read = read_table(tmp_path / "tuples.csv")
    for row in read.itertuples():
        first, second = faces[row.identity], faces[row.structure]
        assert row.face_iou == (first & second).sum() / (first | second).sum()
    write_tuples(shards, settings_of(per_category=20, reconstructions=0), tmp_path / "as_annotated")
    assert not read["face_iou"].isin(read_table(tmp_path / "as_annotated" / "tuples.csv")["face_iou"]).all()
    with pytest.raises(UserError, match="128 pixels"):
        write_tuples(shards, settings_of(per_category=1, mask_size=128), tmp_path / "none")


def test_threads_do_not_change_the_files(shards, tmp_path):
    chosen = settings_of(per_category=8, reconstructions=8)
    for threads in (1, 3):
        write_tuples(shards, chosen, tmp_path / str(threads), threads)
    assert texts(tmp_path / "1") == texts(tmp_path / "3")


def test_reconstructions_are_distinct_eligible_portraits(world, shards, tmp_path):
    write_tuples(shards, settings_of(per_category=1, reconstructions=9), tmp_path)
    read = read_table(tmp_path / "reconstruction.csv")
    assert tuple(read.columns) == COLUMNS
    assert list(read["tuple_id"])[::8] == ["reconstruction-0001", "reconstruction-0009"]
    assert read["identity"].nunique() == 9
    assert (read["identity"] == read["structure"]).all()
    assert (read["identity"] == read["appearance"]).all()
    assert set(read["category"]) == {"reconstruction"}
    assert (read["face_iou"] == 1).all()
    assert (read["pose_distance"] == 0).all()
    assert set(read["identity"]) <= {one.portrait_id for one in world if one.hair.mean() >= 0.18}


def test_the_same_seed_gives_the_same_files_whatever_the_shards(shards, tmp_path):
    chosen = settings_of(per_category=8, reconstructions=8)
    write_tuples(shards, chosen, tmp_path / "a")
    write_tuples(shards[::-1], chosen, tmp_path / "b")
    whole = pd.concat([pd.read_parquet(path) for path in shards]).sample(frac=1, random_state=0)
    whole.to_parquet(tmp_path / "whole.parquet")
    write_tuples([tmp_path / "whole.parquet"], chosen, tmp_path / "c")
    assert texts(tmp_path / "a") == texts(tmp_path / "b") == texts(tmp_path / "c")
    write_tuples(shards, settings_of(seed=1, per_category=8, reconstructions=8), tmp_path / "d")
    first, other = (pd.read_csv(tmp_path / name / "tuples.csv") for name in "ad")
    assert not first["identity"].equals(other["identity"])


def test_asking_for_more_keeps_the_earlier_tuples(shards, tmp_path):
    for count, name in ((5, "few"), (20, "many")):
        write_tuples(shards, settings_of(per_category=count, reconstructions=count), tmp_path / name)
    for file in FILES[:2]:
        few, many = (read_table(tmp_path / name / file) for name in ("few", "many"))
        kept = many[many["tuple_id"].isin(few["tuple_id"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(few, kept)


def test_a_category_that_cannot_be_filled(world, shards, tmp_path):
    expected = np.sum(list(brute_force(world, 0.18).values()), axis=0)
    wanted = int(expected.min()) + 1
    short = ["easy", "medium", "difficult"][int(expected.argmin())]
    with pytest.raises(UserError) as caught:
        write_tuples(shards, settings_of(per_category=wanted, reconstructions=2), tmp_path / "fail")
    message = str(caught.value)
    assert f"{short} has {expected.min()} eligible pairs, {wanted} asked for" in message
    assert all(str(total) in caught.value.cause for total in expected), "the message carries the census"
    assert "per_category" in caught.value.remedy
    assert read_table(tmp_path / "fail" / "census.csv")["drawn"].to_list() == [0, 0, 0]
    assert not (tmp_path / "fail" / "tuples.csv").exists()
    taken = settings_of(per_category=wanted, reconstructions=2, when_short="take_all")
    write_tuples(shards, taken, tmp_path / "all")
    census = read_table(tmp_path / "all" / "census.csv")
    assert census["drawn"].to_list() == np.minimum(expected, wanted).tolist()
    assert len(read_table(tmp_path / "all" / "tuples.csv")) == census["drawn"].sum()


def test_too_few_portraits(world, tmp_path):
    rows = table(world)
    rows["hair_fraction"] = [0.5, 0.5] + [0.0] * (len(rows) - 2)
    rows.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(UserError, match="58 with less than 18% hair, 2 eligible"):
        write_tuples([tmp_path / "a.parquet"], settings_of(when_short="take_all"), tmp_path)
    with pytest.raises(UserError, match="60 portraits can be reconstructed, 61 asked for"):
        write_tuples(
            [tmp_path / "a.parquet"],
            settings_of(minimum_hair_fraction=0, per_category=1, reconstructions=61),
            tmp_path,
        )


def test_no_pair_at_all_is_never_taken_for_all(tmp_path):
    table(annotations(4, spread=0)).to_parquet(tmp_path / "a.parquet")
    chosen = settings_of(minimum_hair_fraction=0, per_category=20, reconstructions=1, when_short="take_all")
    write_tuples([tmp_path / "a.parquet"], chosen, tmp_path)
    assert read_table(tmp_path / "census.csv")["drawn"].to_list() == [12, 0, 0]
    far = table(annotations(4, spread=40))
    far.to_parquet(tmp_path / "b.parquet")
    with pytest.raises(UserError, match="easy has 0"):
        write_tuples([tmp_path / "b.parquet"], chosen, tmp_path)


def test_the_eight_photographs_end_to_end(ffhq, golden, tmp_path):
    settings = Settings(
        portraits=PortraitSettings(source="folder", folder=str(ffhq / "images")),
        annotation=AnnotationSettings(
            source="given", masks=str(ffhq / "masks"), landmarks=str(ffhq / "landmarks.csv"), shard_size=5
        ),
        tuples=TupleSettings(per_category=2, reconstructions=3, when_short="take_all"),
    )
    write_portraits(settings, tmp_path / "portraits.parquet")
    shards = [tmp_path / f"shard-{number:04d}.parquet" for number in range(2)]
    for number, path in enumerate(shards):
        annotate_shard(tmp_path / "portraits.parquet", settings, number, path)
    annotated = pd.concat([read_table(path) for path in shards])
    assert len(annotated) == 8
    assert set(annotated["status"]) == {"ok"}
    assert annotated["hair_fraction"].round(2).between(0.25, 0.46).all()
    write_tuples(shards, settings, tmp_path)

    # The same counts from the golden IoU and the table of landmarks, pair by pair.
    stored = np.load(golden / "masks_256.npz")
    place = {str(name): index for index, name in enumerate(stored["names"])}
    points = pd.read_csv(ffhq / "landmarks.csv", dtype={"portrait_id": str}).sort_values(
        ["portrait_id", "point"]
    )
    points = {name: 128 * rows[["x", "y"]].to_numpy() for name, rows in points.groupby("portrait_id")}
    pairs = [(a, b) for a in points for b in points if a != b]
    overlap = np.array([stored["face_iou"][place[a], place[b]] for a, b in pairs])
    pose = np.array([np.hypot(*(points[a] - points[b]).T).mean() for a, b in pairs])
    expected = {
        "easy": ((overlap > 0.8) & (pose < 2)).sum(),
        "medium": ((overlap > 0.7) & (overlap <= 0.8) & (pose >= 2) & (pose < 4)).sum(),
        "difficult": ((overlap > 0.6) & (overlap <= 0.7) & (pose >= 4) & (pose < 5)).sum(),
    }
    census = read_table(tmp_path / "census.csv").set_index("category")
    assert census["eligible_pairs"].to_dict() == expected
    assert sum(expected.values()) > 0
    for row in read_table(tmp_path / "tuples.csv").itertuples():
        index = pairs.index((row.identity, row.structure))
        assert row.face_iou == pytest.approx(overlap[index], abs=1e-12)
        assert row.pose_distance == pytest.approx(pose[index], abs=1e-4)


def test_an_edit_takes_one_attribute_from_another_portrait_and_leaves_the_other(shards, tmp_path):
    write_tuples(shards, settings_of(per_category=5, reconstructions=2, edits=3), tmp_path / "tuples")
    transfers = read_table(tmp_path / "tuples" / "tuples.csv").head(3)
    edits = read_table(tmp_path / "tuples" / "editing.csv")
    assert tuple(edits.columns) == COLUMNS
    assert list(edits["tuple_id"]) == [f"{edit.category}-{n:04d}" for edit in EDITS for n in (1, 2, 3)]
    appearance, shape, both = (edits.iloc[start : start + 3].reset_index(drop=True) for start in (0, 3, 6))
    for part in (appearance, shape, both):
        assert list(part["identity"]) == list(transfers["identity"])
    assert list(appearance["structure"]) == list(shape["appearance"]) == list(transfers["identity"])
    assert list(appearance["appearance"]) == list(both["appearance"]) == list(transfers["appearance"])
    assert list(shape["structure"]) == list(both["structure"]) == list(transfers["structure"])
    assert list(appearance["structure_hair_fraction"]) == list(transfers["identity_hair_fraction"])
    assert set(appearance["face_iou"]) == {1}
    assert set(appearance["pose_distance"]) == {0}
    assert list(shape["face_iou"]) == list(transfers["face_iou"])


def test_the_category_of_a_tuple_tells_its_table(shards, tmp_path):
    write_tuples(shards, settings_of(per_category=2, reconstructions=2, edits=1), tmp_path / "tuples")
    for kind in KINDS:
        assert {kind_of(name) for name in read_table(tmp_path / "tuples" / f"{kind}.csv")["category"]} == {
            kind
        }
