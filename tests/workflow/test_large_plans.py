"""Plans for all of FFHQ: how many jobs there are, and that few of them name every shard of annotations."""

from __future__ import annotations

import json
import re

import pytest
from workflow.test_plans import Plan

pytestmark = pytest.mark.workflow

EIGHT = (
    *("loho", "loho-no-go", "loho-unprojected", "loho-one-stage"),
    *("michigan", "i2s-plus-plus", "paste", "true-answer"),
)


def inputs_of(plan: Plan, rule: str) -> list[list[str]]:
    """The inputs of every job of a rule."""
    found = re.findall(rf"^rule {rule}:\n    input: (.*)$", plan.text, re.MULTILINE)
    return [line.split(", ") for line in found]


def test_the_paper_s_setting_on_all_of_ffhq(tmp_path, monkeypatch):
    monkeypatch.setenv("LOHO_BENCH_WEIGHTS", str(tmp_path / "weights"))
    everything = 'portraits={"select": "*", "expected": 70000}'
    given = ("--configfile", "config/ffhq.yaml", "--config", everything)
    plan = Plan(tmp_path / "run", "reports/fid.csv", "reports/paper", *given)
    assert plan.jobs["annotate_portraits"] == 70
    # Seven methods transfer 5001 tuples, three reconstruct 5000 portraits, LOHO edits 300: 50 a shard.
    assert plan.jobs["transfer_tuples"] == 7 * 101 + 3 * 100 + 6
    assert plan.jobs.total() < 5000
    transferred = inputs_of(plan, "transfer_tuples")
    assert len(transferred) == plan.jobs["transfer_tuples"]
    for inputs in transferred:
        assert len(inputs) == 3
        assert {"annotations/checksums.txt", "portraits/portraits.parquet"} < set(inputs)
    (summed_up,) = inputs_of(plan, "list_annotations")
    assert summed_up == [f"annotations/shard-{shard:04d}.parquet" for shard in range(70)]


@pytest.mark.slow
def test_shards_of_the_default_size_are_few_enough(tmp_path):
    override = {
        "portraits": {"count": 70_000},
        "tuples": {"per_category": 1667, "reconstructions": 0, "edits": 0},
        "reports": {"methods": EIGHT},
    }
    given = [f"{name}={json.dumps(value)}" for name, value in override.items()]
    jobs = Plan(tmp_path, "reports/fid.csv", "--config", *given).jobs
    assert jobs["transfer_tuples"] == 8 * 417
    assert jobs.total() < 5000
