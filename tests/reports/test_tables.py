"""Tables 1 to 3, scores and ablation against the files they were made from and the paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fake_run import IN_PAPER, METHODS, REPORTED, fake_settings

from loho_bench.errors import UserError
from loho_bench.methods.catalogue import default_registry
from loho_bench.reports.paper import PAPER, paper_value
from loho_bench.reports.tables.ablation import UNBLENDED, write_ablation


def scored(root, method, metric, against) -> pd.Series:
    table = pd.read_parquet(root / "scores" / f"{method}.parquet").set_index("tuple_id")
    return table.loc[(table["metric"] == metric) & (table["against"] == against), "value"]


def test_table1_is_the_census_with_the_papers_ranges(root, reports):
    table, census = pd.read_csv(reports / "table1.csv"), pd.read_csv(root / "tuples/census.csv")
    pd.testing.assert_frame_equal(table[census.columns], census)
    assert table["paper_iou_low"].tolist() == [0.8, 0.7, 0.6]
    assert table["paper_pose_high"].tolist() == [2, 4, 5]
    text = (reports / "table1.md").read_text()
    assert "(0.6, 0.7] | (0.6, 0.7] |               [4, 5) |        [4, 5) |      1,234 33% |" in text
    assert "18% hair pixels" in text
    assert "5000" in text


def test_table2_sets_the_paper_beside_this_run(paper):
    table = pd.read_csv(paper / "table2.csv").set_index(["method", "reading", "category"])
    assert len(table) == len(IN_PAPER) * 2 * 4
    published = table["paper_fid"].dropna().to_dict()
    assert published == {
        ("loho", "full", "overall"): 8.419,
        ("michigan", "full", "overall"): 10.697,
        ("loho", "hair+face", "overall"): 4.847,
    }
    computed = pd.read_csv(paper / "fid.csv").set_index(["method", "reading", "category"])
    pd.testing.assert_series_equal(table["fid"], computed["fid"])
    assert table.loc[("loho", "full", "overall"), "difference"] == pytest.approx(
        computed.loc[("loho", "full", "overall"), "fid"] - 8.419
    )
    assert table["comparable"].str.contains("not comparable").all()
    assert table.loc[("loho-no-go", "full", "medium"), "failed"] == 1
    text = (paper / "table2.md").read_text()
    assert "8 (1 failed)" in text
    assert "one of worlds first" in text


def test_table3_is_over_reconstructions_alone(root, paper):
    table = pd.read_csv(paper / "table3.csv").set_index(["metric", "method"])
    values = scored(root, "loho", "psnr", "identity")
    row = table.loc[("psnr", "loho")]
    assert row["n"] == len(values) == 3
    assert row["mean"] == pytest.approx(values.mean())
    assert row["std"] == pytest.approx(np.std(values, ddof=1))
    assert (row["minimum"], row["maximum"]) == pytest.approx((values.min(), values.max()))
    assert row["mean_low"] <= values.mean() <= row["mean_high"]
    assert (row["paper_value"], row["paper_spread"]) == (32.2, 2.8)
    assert row["difference"] == pytest.approx(values.mean() - 32.2)
    ranged = table.loc[("latent_distance", "i2s")]
    assert (ranged["paper_low"], ranged["paper_high"]) == (30.6, 40.5)
    assert 30.6 < ranged["mean"] < 40.5
    assert ranged["difference"] == 0
    assert table.loc[("psnr", "i2s-plus-plus"), "paper_value"] == 22.48
    text = (paper / "table3.md").read_text()
    assert "32.2 ± 2.8" in text
    assert "[30.6, 40.5]" in text


def test_scores_hold_every_metric_by_category_with_counts(root, reports):
    table = pd.read_csv(reports / "scores.csv", keep_default_na=False)
    chosen = table.query("method == 'loho-no-go' and metric == 'psnr' and against == 'true answer'")
    counted = {row["category"]: (row["n"], row["failed"]) for _, row in chosen.iterrows()}
    assert counted == {"overall": (8, 1), "easy": (3, 0), "medium": (2, 1), "difficult": (3, 0)}
    values = scored(root, "loho-no-go", "psnr", "true answer")
    assert float(chosen.query("category == 'overall'")["mean"].item()) == pytest.approx(values.mean())
    assert "seconds" not in set(table["metric"])
    assert set(pd.read_csv(reports / "costs.csv")["metric"]) == {"seconds", "peak_memory_mb"}


def test_ablation_differences_are_paired(root, tmp_path, settings):
    table = write_ablation(settings, tmp_path / "ablation.csv", root=root).set_index("method")
    ours, other = (scored(root, m, "hair_iou", UNBLENDED) for m in ("loho", "loho-no-go"))
    paired = (other - ours).dropna()
    row = table.loc["loho-no-go"]
    assert (row["n"], row["failed"], row["n_pairs"]) == (8, 1, 8)
    assert row["difference_to_loho"] == pytest.approx(paired.mean())
    assert row["difference_to_loho"] != pytest.approx(other.mean() - ours.mean(), abs=1e-6)
    assert row["difference_to_loho_high"] < 0
    assert row["hair_iou"] == pytest.approx(other.mean())
    assert row["hair_colour_error"] == pytest.approx(
        scored(root, "loho-no-go", "hair_colour", "appearance").mean()
    )
    assert table["paper_hair_iou"].to_dict() == {
        "loho": 0.932,
        "loho-no-go": 0.857,
        "loho-unprojected": 0.857,
    }
    assert np.isnan(table.loc["loho", "difference_to_loho"])
    assert pd.read_csv(tmp_path / "ablation.csv")["method"].tolist() == list(METHODS)


def test_an_unscored_method_is_named_with_a_remedy(root, tmp_path):
    settings = fake_settings(ablation=("loho", "never-scored"))
    with pytest.raises(UserError, match="never-scored") as caught:
        write_ablation(settings, tmp_path / "ablation.csv", root=root)
    assert "loho-bench score never-scored" in caught.value.remedy
    assert not (tmp_path / "ablation.csv").exists()


def test_a_perfect_copy_is_infinite_and_counted(reports):
    table = pd.read_csv(reports / "scores.csv")
    row = table.query("method == 'true-answer' and against == 'true answer' and metric == 'psnr'")
    assert np.isinf(row[["mean", "mean_low", "mean_high"]].to_numpy()).all()
    assert row["n"].tolist() == [9, 3, 3, 3]
    assert "∞ [∞, ∞]" in (reports / "scores.md").read_text()


def test_every_pair_of_methods_is_compared_on_its_common_tuples(root, reports):
    table = pd.read_csv(reports / "paired.csv").set_index(["first", "second", "metric", "against"])
    pairs = {key[:2] for key in table.index}
    assert len(pairs) == len(REPORTED) * (len(REPORTED) - 1) / 2
    first, second = (scored(root, m, "ssim", "true answer") for m in ("loho", "loho-no-go"))
    row = table.loc[("loho", "loho-no-go", "ssim", "true answer")]
    differences = (first - second).dropna()
    assert (row["n_pairs"], row["failed"]) == (8, 1)
    assert row["difference"] == pytest.approx(differences.mean())
    assert row["first_better"] == (differences > 0).mean() == 1
    assert 0 < row["difference_low"] < row["difference"] < row["difference_high"]
    # A naive paste has no picture before blending: that is no failure.
    missing = table.loc[("loho", "paste", "hair_iou", UNBLENDED)]
    assert np.isnan(missing["difference"])
    assert (missing["n_pairs"], missing["failed"]) == (0, 0)


def test_an_edit_names_what_was_edited_and_what_should_stay(root, paper):
    table = pd.read_csv(paper / "editing.csv", keep_default_na=False).set_index(["edit", "metric", "against"])
    fates = table["attribute"].to_dict()
    assert fates["editing-appearance", "hair_iou", "structure"] == "kept"
    assert fates["editing-appearance", "hair_colour", "appearance"] == "edited"
    assert fates["editing-shape", "hair_iou", "structure"] == "edited"
    assert fates["editing-shape", "hair_colour", "appearance"] == "kept"
    assert fates["editing-both", "hair_colour", "appearance"] == "edited"
    assert fates["editing-both", "psnr", "identity outside hair"] == "kept"
    values = scored(root, "loho", "hair_colour", "appearance")
    expected = values[values.index.str.startswith("editing-shape")].mean()
    assert float(table.loc[("editing-shape", "hair_colour", "appearance"), "mean"]) == pytest.approx(expected)


def test_paper_values_have_a_source_and_one_place_each():
    keys = [(value.source, value.metric, name) for value in PAPER for name in value.ours]
    assert len(set(keys)) == len(keys)
    assert all((value.value is None) == (value.low is not None) for value in PAPER)
    assert paper_value("Table 2", "fid", "michigan").value == 10.697
    assert paper_value("Table 2", "fid", "loho-no-go") is None


def test_paper_values_stand_beside_declared_methods():
    names = default_registry().names()
    assert {name for value in PAPER for name in value.ours} <= set(names)
