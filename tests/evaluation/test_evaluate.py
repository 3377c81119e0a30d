"""The evaluation as a whole: whose portraits, which jobs, which verdicts, and what is recorded."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from loho_bench.evaluation import evaluate as module
from loho_bench.evaluation.bounds import FIGURES, Figure, judge, verdict_table
from loho_bench.evaluation.evaluate import evaluate
from loho_bench.evaluation.jobs import run_jobs
from loho_bench.evaluation.parts import Part, parts
from loho_bench.evaluation.world import FAMILY, Effort, World
from loho_bench.portraits.synthetic import sample_parameters
from loho_bench.provenance import derive_seed
from loho_bench.settings.loading import load_settings
from loho_bench.storage import file_sha256
from loho_bench.training.dataset import _render_block
from loho_bench.weights.embedded import FOLDER

SETTINGS = load_settings(Path(__file__).parents[2] / "config" / "default.yaml")
SMALL = Effort(
    portraits=110,
    probe_portraits=40,
    inverted=2,
    inversion_steps=2,
    samples=24,
    classifier_steps=2,
    judgement_batches=1,
    tuples_per_category=1,
)
ASKED_FOR = (
    "inversion_psnr",
    "inversion_ssim",
    "parser_hair_iou",
    "parser_face_iou",
    "parser_hair_iou_generated",
    "parser_face_iou_generated",
    "landmark_error_px",
    "landmark_error_p90_px",
    "judgement_accuracy",
    "sample_classifier_accuracy",
    "transfer_hair_iou",
    "transfer_colour_error",
    "transfer_true_lpips",
)


def test_portraits_are_nobody_elses():
    ours = _render_block((0, 0, 2), family=FAMILY)["texture_seeds"]
    training = [seed for run in (0, 1, 2) for seed in _render_block((run, 0, 2))["texture_seeds"]]
    benchmark = [sample_parameters(derive_seed("portrait", 0, i)).texture_seed for i in range(2)]
    assert not set(ours) & {*training, *benchmark}
    assert set(ours).isdisjoint(_render_block((1, 0, 2), family=FAMILY)["texture_seeds"])


def test_jobs_give_the_same_in_one_process_and_in_two():
    jobs = [partial(math.sqrt, n) for n in (4, 9, 16)]
    alone, together = ({i: value for i, value, _ in run_jobs(jobs, workers)} for workers in (1, 2))
    assert alone == together == {0: 2, 1: 3, 2: 4}


@pytest.mark.parametrize("workers", [1, 2])
def test_failing_job_fails_the_run(workers):
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        list(run_jobs([partial(math.sqrt, -1.0)], workers))


def test_verdicts_follow_direction_and_bound():
    declared = [Figure("a", "A", "", "at least", 2), Figure("b.c", "C", "px", "at most", 2), Figure("d", "D")]
    kept = [v.kept for v in judge({"a": 2.0, "b": {"c": 2.1}, "d": 7}, declared)]
    assert kept == [True, False, None]
    # What was not measured, or came out as no number, keeps no bound.
    assert [v.kept for v in judge({"a": float("nan")}, declared)] == [False, False, None]
    lines = list(verdict_table(judge({"a": 2.0, "b": {"c": 2.1}, "d": 7}, declared)))
    assert lines[1].split() == ["A", "2", "✓", "at", "least", "2"]
    assert lines[2].split() == ["C", "2.1", "✗", "at", "most", "2", "px"]
    assert lines[3].split() == ["D", "7"]


def test_figures_are_declared_once_with_direction():
    names = [figure.name for figure in FIGURES]
    assert len(set(names)) == len(names)
    assert set(ASKED_FOR) <= set(names)


def test_result_records_figures_bounds_and_where_they_come_from(monkeypatch, portraits, tmp_path):
    def rendered(folder, seed, settings, effort, workers):
        for name, values in vars(portraits).items():
            np.save(tmp_path / f"{name}.npy", values)
        return World(tmp_path, seed, settings, effort)

    def numbers(world, job):
        return [len(world.portraits()), len(world.probe_portraits()), job, float("nan")]

    fake = Part("counting", lambda world: 2, numbers, lambda found: {"numbers": found, "inversion_psnr": 30})
    monkeypatch.setattr(module, "parts", lambda: [fake])
    monkeypatch.setattr(module, "render_world", rendered)
    found = evaluate(4, SETTINGS, effort=Effort(portraits=50, probe_portraits=10))
    # Results in the order of the jobs; what JSON cannot say is null.
    assert found["numbers"] == [[50, 10, 0, None], [50, 10, 1, None]]
    json.dumps(found, allow_nan=False)
    assert {v["name"]: v["kept"] for v in found["bounds"]}["inversion_psnr"] is True
    origin = found["provenance"]
    assert origin["seed"] == 4
    assert origin["settings"]["loho"]["steps_stage_one"] == SETTINGS.loho.steps_stage_one
    assert origin["weights"]["parser"] == file_sha256(FOLDER / "parser.safetensors")
    assert set(origin["seconds_of_work"]) == {"rendering", "counting"}
    sizes = [path.stat().st_size for path in FOLDER.glob("*.safetensors")]
    assert found["weights_megabytes"] == pytest.approx(sum(sizes) / 1e6)


@pytest.mark.slow
def test_whole_evaluation_measures_all_that_is_asked_for():
    quick = SETTINGS.loho.model_copy(update={"steps_stage_one": 1, "steps_stage_two": 1})
    settings = SETTINGS.model_copy(update={"loho": quick})
    found = evaluate(3, settings, effort=SMALL)
    assert all(np.isfinite(found[name]) for name in ASKED_FOR)
    assert all(0 < found[name] <= 1 for name in ASKED_FOR if "iou" in name or "accuracy" in name)
    assert np.isfinite(found["probe_r2"]["yaw"])
    assert set(found["sample_coverage"]) == set(found["sample_spread"]) >= {"hair_length", "yaw"}
    assert "transfer_hair_iou" in found["transfers_loho-no-go"]
    assert set(found["provenance"]["seconds_of_work"]) == {"rendering", *(part.name for part in parts())}
