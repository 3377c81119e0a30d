"""The list of metrics that tables and plots iterate over."""

import dataclasses

import pytest

from loho_bench.errors import UserError
from loho_bench.metrics import METRICS, get_metric
from loho_bench.metrics.spec import by_name


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_can_be_found_and_printed(metric):
    assert get_metric(metric.name) is metric
    assert metric.name.isidentifier()
    assert metric.label
    assert metric.aggregate in ("mean", "set")
    assert metric.protocol.endswith(".")
    assert metric.arrow == {True: "↑", False: "↓", None: ""}[metric.higher_is_better]


def test_directions_are_those_of_the_papers_tables():
    better = {metric.name: metric.higher_is_better for metric in METRICS}
    assert better["psnr"] is better["ssim"] is better["hair_iou"] is True
    assert better["fid"] is better["fid_hair_face"] is better["lpips"] is better["hair_colour"] is False
    assert better["latent_distance"] is None
    assert [metric.name for metric in METRICS if metric.aggregate == "set"] == ["fid", "fid_hair_face", "kid"]


def test_typo_is_answered_with_the_nearest_name():
    with pytest.raises(UserError, match="Did you mean 'psnr'"):
        get_metric("pnsr")


def test_duplicates_are_refused():
    with pytest.raises(ValueError, match="'psnr'"):
        by_name([*METRICS, dataclasses.replace(get_metric("ssim"), name="psnr")])
