"""Scores of a made-up run against scikit-image, SciPy and numbers worked out from its files."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from fake_run import METHODS, ColourParser, SquareLpips, build_fake_run, fake_settings
from PIL import Image
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from loho_bench.errors import UserError
from loho_bench.metrics.judging import Judges
from loho_bench.metrics.scores import SCORES
from loho_bench.metrics.scoring import score_method
from loho_bench.metrics.scoring_inputs import (
    NO_RESULT,
    OTHER_PORTRAITS,
    load_inputs,
    parse_masks,
    read_results,
)
from loho_bench.networks.graphonomy import HAIR
from loho_bench.portraits.synthetic import PortraitParameters, combine, render

SIZE = 64
JUDGES = Judges(ColourParser(), SquareLpips())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    build_fake_run(folder, SIZE, per_category=2, failed=("medium-0002",))
    tables = {m: score_method(m, fake_settings(SIZE, 2), root=folder, judges=JUDGES) for m in METHODS}
    return folder, tables


def value(table: pd.DataFrame, tuple_id: str, metric: str, against: str) -> float:
    chosen = (table["tuple_id"] == tuple_id) & (table["metric"] == metric) & (table["against"] == against)
    assert chosen.sum() == 1
    return table.loc[chosen, "value"].item()


def picture(folder, path) -> np.ndarray:
    return np.asarray(Image.open(folder / path))


def drawn(folder, tuple_id):
    """The tuple's row and its three portraits, drawn anew from their parameters."""
    row = pd.read_csv(folder / "tuples" / "tuples.csv").set_index("tuple_id").loc[tuple_id]
    table = pd.read_parquet(folder / "portraits" / "portraits.parquet").set_index("portrait_id")
    words = ("identity", "structure", "appearance")
    return {w: PortraitParameters.from_dict(json.loads(table.loc[row[w], "parameters"])) for w in words}


def test_true_answer_scores_agree_with_scikit_image(run):
    folder, tables = run
    result = picture(folder, "results/loho-no-go/portraits/easy-0002.png")
    answer = render(combine(**drawn(folder, "easy-0002")), SIZE).image
    table = tables["loho-no-go"]
    expected = peak_signal_noise_ratio(answer, result, data_range=255)
    assert value(table, "easy-0002", "psnr", "true answer") == pytest.approx(expected)
    expected = structural_similarity(answer, result, data_range=255, channel_axis=2)
    assert value(table, "easy-0002", "ssim", "true answer") == pytest.approx(expected, abs=1e-9)
    expected = np.mean((answer / 127.5 - result / 127.5) ** 2) / 2
    assert value(table, "easy-0002", "lpips", "true answer") == pytest.approx(expected, rel=1e-5)


def test_kept_face_is_measured_outside_the_grown_hair_of_the_structure(run):
    folder, tables = run
    portraits = {word: render(parameters, SIZE) for word, parameters in drawn(folder, "easy-0001").items()}
    cross = ndimage.generate_binary_structure(2, 1)
    hair = ndimage.binary_dilation(portraits["structure"].hair, cross, iterations=1)
    region = portraits["identity"].face & ~hair
    result = picture(folder, "results/loho/portraits/easy-0001.png").astype(float)
    error = np.mean((result[region] - portraits["identity"].image[region]) ** 2)
    found = value(tables["loho"], "easy-0001", "psnr", "identity face")
    assert found == pytest.approx(10 * np.log10(255**2 / error))


def test_hair_colour_compares_parsed_result_with_annotated_appearance(run):
    folder, tables = run
    appearance = render(drawn(folder, "difficult-0001")["appearance"], SIZE)
    result = picture(folder, "results/loho/portraits/difficult-0001.png")
    parsed = result[: SIZE // 2].reshape(-1, 3).mean(axis=0)
    expected = np.abs(parsed - appearance.image[appearance.hair].mean(axis=0)).mean() / 255
    assert value(tables["loho"], "difficult-0001", "hair_colour", "appearance") == pytest.approx(expected)


def test_reconstructions_are_scored_by_the_one_image_and_the_latents(run):
    folder, tables = run
    table = tables["loho"]
    result = picture(folder, "results/loho/portraits/reconstruction-0001.png")
    original = picture(folder, "portraits/images/p01.png")
    expected = peak_signal_noise_ratio(original, result, data_range=255)
    assert value(table, "reconstruction-0001", "psnr", "identity") == pytest.approx(expected)
    with np.load(folder / "results/loho/latents/reconstruction-0001.npz") as stored:
        expected = np.sqrt(np.sum(stored["latents"].astype(float) ** 2))
    assert value(table, "reconstruction-0001", "latent_distance", "mean latent") == pytest.approx(expected)
    assert set(tables["loho-no-go"]["category"]) == {"easy", "medium", "difficult"}


def test_failed_tuples_keep_all_their_rows_with_the_reason(run):
    _, tables = run
    rows = tables["loho-no-go"].set_index("tuple_id").loc["medium-0002"]
    assert len(rows) == sum(score.applies("medium", synthetic=True) for score in SCORES) == 11
    assert (rows["status"] == "failed").all()
    assert rows["value"].isna().all()
    assert (rows["reason"] == "the loss became NaN").all()
    others = tables["loho-no-go"].query("tuple_id != 'medium-0002'")
    assert (others["status"] == "ok").all()
    assert others["value"].notna().all()


def test_a_tuple_without_a_row_is_counted_as_failed(run, tmp_path):
    folder = shutil.copytree(run[0], tmp_path / "copy")
    shard = folder / "results/loho/tuples-0000.parquet"
    pd.read_parquet(shard).iloc[1:].to_parquet(shard)
    table = score_method("loho", fake_settings(SIZE, 2), root=folder, judges=JUDGES)
    lost = table[table["tuple_id"] == "easy-0001"]
    assert len(table) == len(run[1]["loho"])
    assert (lost["reason"] == NO_RESULT).all()


@pytest.mark.parametrize("word", ["identity", "structure", "appearance"])
def test_a_result_for_other_portraits_is_counted_as_failed(run, tmp_path, word):
    folder = shutil.copytree(run[0], tmp_path / "copy")
    path = folder / "tuples/tuples.csv"
    tuples = pd.read_csv(path)
    tuples.loc[0, word] = next(p for p in ("p00", "p01") if p != tuples.loc[0, word])
    tuples.to_csv(path, index=False)
    table = score_method("loho", fake_settings(SIZE, 2), root=folder, judges=JUDGES)
    stale = table["tuple_id"] == "easy-0001"
    assert len(table) == len(run[1]["loho"])
    assert (table[stale]["reason"] == OTHER_PORTRAITS).all()
    assert (table[stale]["status"] == "failed").all()
    assert table[stale]["value"].isna().all()
    assert (table[~stale]["status"] == "ok").all()
    rows = read_results(load_inputs(SIZE, folder), "loho").set_index("tuple_id")
    assert rows.loc["easy-0001", word] == tuples.loc[0, word]
    assert pd.isna(rows.loc["easy-0001", "seconds"])


def test_results_that_do_not_name_their_portraits_are_not_scored(run, tmp_path):
    folder = shutil.copytree(run[0], tmp_path / "copy")
    for shard in (folder / "results/loho").glob("*.parquet"):
        pd.read_parquet(shard).drop(columns=["identity", "structure", "appearance"]).to_parquet(shard)
    rows = read_results(load_inputs(SIZE, folder), "loho")
    assert set(rows["status"]) == {"failed"}
    assert set(rows["reason"]) == {OTHER_PORTRAITS}


def test_photographs_have_no_true_answer(run, tmp_path):
    folder = shutil.copytree(run[0], tmp_path / "copy")
    path = folder / "portraits/portraits.parquet"
    pd.read_parquet(path).assign(parameters="").to_parquet(path)
    table = score_method("loho", fake_settings(SIZE, 2), root=folder, judges=JUDGES)
    assert "true answer" not in set(table["against"])
    assert (table["status"] == "ok").all()


def test_a_result_without_hair_has_no_colour_and_says_so(run, tmp_path):
    class Bald(ColourParser):
        def parse(self, images):
            return super().parse(images) * 0

    table = score_method(
        "loho",
        fake_settings(SIZE, 2),
        root=run[0],
        judges=Judges(Bald(), SquareLpips()),
        out=tmp_path / "s.parquet",
    )
    colours = table[table["metric"] == "hair_colour"]
    assert (colours["status"] == "failed").all()
    assert colours["reason"].str.contains("no hair").all()
    assert (table[table["metric"] == "hair_iou"]["status"] == "ok").all()


def test_scores_are_the_same_file_twice(run, tmp_path):
    folder, _ = run
    score_method("loho", fake_settings(SIZE, 2), root=folder, judges=JUDGES, out=tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (folder / "scores/loho.parquet").read_bytes()


def test_a_shard_of_another_size_is_named_not_merged(run, tmp_path):
    folder = shutil.copytree(run[0], tmp_path / "copy")
    shard = folder / "results/loho/tuples-0000.parquet"
    pd.read_parquet(shard).tail(1).to_parquet(shard.with_name("tuples-0003.parquet"))
    with pytest.raises(
        UserError, match=r"results/loho/tuples-0000\.parquet together with .*tuples-0003"
    ) as caught:
        score_method("loho", fake_settings(SIZE, 2), root=folder, judges=JUDGES)
    assert "difficult-0002" in caught.value.cause


def test_a_method_without_results_is_named(run):
    with pytest.raises(UserError, match="loho-one-more"):
        score_method("loho-one-more", fake_settings(SIZE, 2), root=run[0], judges=JUDGES)


def test_portraits_are_compared_at_the_resolution_of_the_transfers(run):
    inputs = load_inputs(32, run[0])
    assert inputs.image("p00").shape == (32, 32, 3)
    assert inputs.mask("p00", "hair").shape == (32, 32)


def hair_of(parser, image) -> np.ndarray:
    return parse_masks(parser, image)[HAIR]


def grown(mask: np.ndarray) -> np.ndarray:
    """The mask with a margin of 5 pixels of 256, which is one pixel here."""
    return ndimage.binary_dilation(mask, ndimage.generate_binary_structure(2, 1), iterations=1)


def test_hair_iou_is_that_of_the_final_portrait_and_the_recorded_one_stands_beside_it(run):
    folder, tables = run
    result = picture(folder, "results/loho/portraits/medium-0001.png")
    wanted = render(drawn(folder, "medium-0001")["structure"], SIZE).hair
    found = hair_of(JUDGES.parser, result)
    expected = (found & wanted).sum() / (found | wanted).sum()
    assert value(tables["loho"], "medium-0001", "hair_iou", "structure") == pytest.approx(expected)
    recorded = read_results(load_inputs(SIZE, folder), "loho").set_index("tuple_id")["hair_iou"]
    unblended = value(tables["loho"], "medium-0001", "hair_iou", "structure, unblended")
    assert unblended == pytest.approx(recorded["medium-0001"])


def test_the_trail_is_former_hair_outside_the_answer_that_is_still_hair(run):
    folder, tables = run
    portraits = drawn(folder, "easy-0001")
    former = render(portraits["identity"], SIZE).hair
    found = hair_of(JUDGES.parser, picture(folder, "results/loho/portraits/easy-0001.png"))
    stays = found & former & ~grown(render(combine(**portraits), SIZE).hair)
    expected = stays.sum() / former.sum()
    assert value(tables["loho"], "easy-0001", "hair_trail", "true answer") == pytest.approx(expected)


def test_what_stays_is_measured_outside_the_hair_of_both(run):
    folder, tables = run
    portraits = {word: render(parameters, SIZE) for word, parameters in drawn(folder, "easy-0002").items()}
    region = ~grown(portraits["identity"].hair | portraits["structure"].hair)
    result = picture(folder, "results/loho/portraits/easy-0002.png").astype(float)
    error = np.mean((result[region] - portraits["identity"].image[region]) ** 2)
    found = value(tables["loho"], "easy-0002", "psnr", "identity outside hair")
    assert found == pytest.approx(10 * np.log10(255**2 / error))


def test_a_method_without_latents_and_traces_has_no_rows_instead_of_failed_ones(run):
    folder, _ = run
    copied = folder.parent / "without"
    shutil.copytree(folder, copied, dirs_exist_ok=True)
    for path in (copied / "results" / "loho").glob("*.parquet"):
        table = pd.read_parquet(path).assign(latents=None, hair_iou=None, peak_memory_mb=None)
        table.to_parquet(path)
    scored = score_method("loho", fake_settings(SIZE, 2), root=copied, judges=JUDGES)
    assert (scored["status"] == "ok").all()
    assert not scored["metric"].isin(["latent_distance", "peak_memory_mb"]).any()
    assert "structure, unblended" not in set(scored["against"])
