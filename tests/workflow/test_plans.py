"""What Snakemake would do: planned jobs, reruns, refusals. Nothing here computes a transfer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
TARGETS = ("reports/fid.csv", "reports/ablation.csv")

pytestmark = pytest.mark.workflow


def snakemake(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake on a run in ``directory``; its output and its errors come back as one text."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "snakemake", "--cores", "8", "--directory", str(directory), *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


class Plan:
    """What Snakemake would run: ``jobs`` by rule, and the ``outputs`` that they would write."""

    def __init__(self, directory: Path, *arguments: str):
        result = snakemake(directory, "--dry-run", *arguments)
        assert result.returncode == 0, result.stdout
        self.text = result.stdout
        self.jobs = Counter(re.findall(r"^rule (\w+):$", self.text, re.MULTILINE))
        lines = re.findall(r"^    output: (.*)$", self.text, re.MULTILINE)
        self.outputs = {path for line in lines for path in line.split(", ")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A run in which Snakemake believes that everything is done."""
    directory = tmp_path_factory.mktemp("finished")
    for path in Plan(directory, *TARGETS).outputs:
        folder = directory / path if not Path(path).suffix else (directory / path).parent
        folder.mkdir(parents=True, exist_ok=True)
        if folder != directory / path:
            (directory / path).touch()
    result = snakemake(directory, "--touch", *TARGETS)
    assert result.returncode == 0, result.stdout
    return directory


def test_default_run_does_all_of_it(tmp_path):
    assert Plan(tmp_path, *TARGETS).jobs == {
        "draw_portraits": 1,
        "annotate_portraits": 2,  # 480 portraits, 240 a shard
        "draw_tuples": 1,
        "list_annotations": 1,
        # Six methods and an ablated one, 36 tuples of 12 a shard; LOHO's reconstructions and edits.
        "transfer_tuples": 7 * 3 + 2,
        "score_method": 7,
        "write_reports": 1,
        "write_ablation": 1,
    }


def test_ablation_is_a_target_of_its_own(tmp_path):
    outputs = Plan(tmp_path, "reports/fid.csv").outputs
    assert {"reports/fid.csv", "reports/index.html", "reports/table3.csv", "reports/table3.md"} <= outputs
    assert "reports/ablation.csv" not in outputs
    assert not any("one-stage" in path for path in outputs)


def test_the_papers_report_is_a_target_of_its_own(tmp_path):
    plan = Plan(tmp_path, "reports/paper")
    assert "reports/paper" in plan.outputs
    # Nine methods; reconstructions by three, of which Image2StyleGAN does nothing else; LOHO's edits.
    assert plan.jobs["transfer_tuples"] == 9 * 3 + 3 + 1
    assert plan.jobs["score_method"] == 10
    assert plan.jobs["write_paper"] == 1
    assert "write_reports" not in plan.jobs


def test_second_run_does_nothing(finished):
    plan = Plan(finished, *TARGETS)
    assert not plan.jobs
    assert "Nothing to be done" in plan.text


def test_settings_of_one_method_rerun_that_method_alone(finished):
    override = "methods=" + json.dumps({"loho-no-go": {"learning_rate": 0.05}})
    plan = Plan(finished, *TARGETS, "--config", override)
    assert plan.jobs == {"transfer_tuples": 3, "score_method": 1, "write_reports": 1, "write_ablation": 1}
    assert {path for path in plan.outputs if path.startswith("results/")} == {
        f"results/loho-no-go/tuples-000{shard}.parquet" for shard in range(3)
    }


def test_settings_of_the_report_rerun_the_report_alone(finished):
    plan = Plan(finished, *TARGETS, "--config", 'reports={"bootstrap": 500}')
    assert plan.jobs == {"write_reports": 1, "write_ablation": 1}


def test_photographs_are_planned_in_a_folder_of_their_own(tmp_path):
    images = tmp_path / "run" / "photographs" / "images"
    images.mkdir(parents=True)
    for index in range(3):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(images / f"{index}.png")
    given = ("--configfile", "config/photographs.yaml", "--config", 'annotation={"shard_size": 2}')
    jobs = Plan(tmp_path / "run", "reports/fid.csv", *given).jobs
    assert jobs["annotate_portraits"] == 2
    assert (
        jobs["transfer_tuples"] == 5 + 2
    )  # twelve tuples at most for each of five; LOHO's reconstructions and edits


def test_the_paper_s_setting_is_planned_without_weights_and_portraits(tmp_path, monkeypatch):
    monkeypatch.setenv("LOHO_BENCH_WEIGHTS", str(tmp_path / "weights"))
    jobs = Plan(tmp_path / "run", "reports/fid.csv", "--configfile", "config/ffhq.yaml").jobs
    assert jobs["annotate_portraits"] == 10  # the last 10 000 of FFHQ, 1000 a shard
    # 5001 tuples for each of four, LOHO's 5000 reconstructions and 300 edits, 50 a shard.
    assert jobs["transfer_tuples"] == 4 * 101 + 100 + 6


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ('tuples={"per_categroy": 3}', "unknown setting 'per_categroy'. Did you mean 'per_category'?"),
        ('methods={"loho": {"rampop": 0.1}}', "loho: unknown setting 'rampop'. Did you mean 'rampup'?"),
        ('reports={"methods": ["lohoo"]}', "unknown method 'lohoo'. Did you mean 'loho'?"),
        ('reports={"reconstruction": ["lohoo"]}', "unknown method 'lohoo'. Did you mean 'loho'?"),
        ('reports={"methods": ["i2s"]}', "the method 'i2s' cannot be asked for: transfer"),
        ('external={"loho": {}}', "the name 'loho' in the group 'external' is taken"),
        (
            'portraits={"source": "folder", "folder": "nowhere"}\n'
            'reports={"methods": ["loho"], "paper": ["loho"]}',
            "cannot read the folder of portraits 'nowhere'",
        ),
        (
            'portraits={"source": "folder", "folder": "nowhere"}',
            "the method 'true-answer' cannot be run on photographs",
        ),
    ],
)
def test_settings_that_cannot_be_used_end_the_run_before_it_starts(tmp_path, override, message):
    result = snakemake(tmp_path, "--dry-run", "--config", *override.splitlines())
    assert result.returncode != 0
    assert message in result.stdout
    assert "Traceback" not in result.stdout
    assert "remedy" in result.stdout


def test_linter_of_snakemake_finds_nothing(tmp_path):
    found = set(re.findall(r"^    \* (.*?):?$", snakemake(tmp_path, "--lint").stdout, re.MULTILINE))
    # Every rule calls one program, and the environment of that program is the one that Snakemake runs in:
    # pyproject.toml, environment.yml and constraints.txt describe it.
    assert found <= {"Specify a conda environment or container for each rule."}
