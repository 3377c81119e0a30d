"""Tables 1 to 3, scores and ablation against the files they were made from and the paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fake_run import METHODS, fake_settings

from loho_bench.errors import UserError
from loho_bench.reports.ablation import write_ablation
from loho_bench.reports.paper import PAPER, paper_value


def scored(root, method, metric, against) -> pd.Series:
    table = pd.read_parquet(root / "scores" / f"{method}.parquet").set_index("tuple_id")
    return table.loc[(table["metric"] == metric) & (table["against"] == against), "value"]


def test_table1_is_the_census(root, reports):
    assert (reports / "table1.csv").read_bytes() == (root / "tuples/census.csv").read_bytes()
    text = (reports / "table1.md").read_text()
    assert "| Difficult | (0.6, 0.7] |        [4, 5) |          1,234 |            3 |" in text
    assert "18% hair pixels" in text


def test_table2_sets_the_paper_beside_this_run(reports):
    table = pd.read_csv(reports / "table2.csv")
    assert table["paper_fid"].tolist()[:3] == [10.697, 4.847, 8.419]
    assert table["row"].tolist()[:3] == ["MichiGAN", "LOHO-HF", "LOHO"]
    assert np.isnan(table["fid"][0])
    computed = pd.read_csv(reports / "fid.csv").query("category == 'overall' and method == 'loho'")
    assert table["fid"][1] == computed.query("reading == 'hair+face'")["fid"].item()
    assert table["fid"][2] == computed.query("reading == 'full'")["fid"].item()
    assert table["comparable"].str.contains("not comparable").all()
    assert not {"loho-no-go", "loho-unprojected"} - set(table["method"])


def test_table3_is_over_reconstructions_alone(root, reports):
    table = pd.read_csv(reports / "table3.csv").set_index("metric")
    values = scored(root, "loho", "psnr", "identity")
    assert table.loc["psnr", "n"] == len(values) == 3
    assert table.loc["psnr", "mean"] == pytest.approx(values.mean())
    assert table.loc["psnr", "std"] == pytest.approx(np.std(values, ddof=1))
    assert table.loc["psnr", "low"] <= values.mean() <= table.loc["psnr", "high"]
    assert table.loc["psnr", ["paper_loho", "paper_loho_spread"]].tolist() == [32.2, 2.8]
    text = (reports / "table3.md").read_text()
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
    ours, other = (scored(root, m, "hair_iou", "structure") for m in ("loho", "loho-no-go"))
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
    settings = fake_settings(ablation=("loho", "loho-one-stage"))
    with pytest.raises(UserError, match="loho-one-stage") as caught:
        write_ablation(settings, tmp_path / "ablation.csv", root=root)
    assert "loho-bench score loho-one-stage" in caught.value.remedy
    assert not (tmp_path / "ablation.csv").exists()


def test_paper_values_have_a_source_and_one_place_each():
    keys = [(value.source, value.metric, name) for value in PAPER for name in value.ours]
    assert len(set(keys)) == len(keys)
    assert all((value.value is None) == (value.low is not None) for value in PAPER)
    assert paper_value("Table 2", "fid", "michigan").value == 10.697
    assert paper_value("Table 2", "fid", "loho-no-go") is None
