"""``loho-bench embedded``: exit codes, messages, and what a rule makes of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from snakemake_runs import REALLY_RUNS, snakemake

from loho_bench.cli import main
from loho_bench.evaluation import evaluate as module
from loho_bench.weights.embedded import FOLDER
from loho_bench.weights.files import read_network, save_network


def leave(arguments: list[str]) -> int:
    """Run the program in this process and return its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    return exit_.value.code


@pytest.fixture
def measured(monkeypatch):
    """Replaces the measuring; keeps the arguments it was called with."""
    seen = {}

    def fake(seed, settings, **more):
        seen.update(seed=seed, settings=settings, **more)
        bound = {"name": "a", "label": "A", "unit": "", "direction": "at least", "bound": 1.0}
        return {"a": 0.5, "bounds": [{**bound, "value": 0.5, "kept": False}], "provenance": {}}

    monkeypatch.setattr(module, "evaluate", fake)
    return seen


def test_missed_bounds_are_shown_and_fail_only_a_check(measured, tmp_path, capsys):
    out = tmp_path / "new" / "figures.json"
    arguments = ["embedded", "evaluate", "--seed", "5", "--json", str(out)]
    assert leave(arguments) == 0
    assert re.search(r"A +0\.5 +✗ at least 1", capsys.readouterr().out)
    assert json.loads(out.read_text())["a"] == 0.5
    assert measured["seed"] == 5
    assert leave([*arguments, "--check"]) == 1


def test_settings_are_those_of_the_default_run_unless_given(measured, tmp_path):
    arguments = ["embedded", "evaluate", "--seed", "0", "--json", str(tmp_path / "f.json")]
    assert leave(arguments) == 0
    # The types' own defaults are the paper's, made for VGG16: 1000 iterations a stage.
    assert measured["settings"].loho.steps_stage_one < 1000
    assert leave([*arguments, "--settings", '{"loho": {"steps_stage_one": 7}}']) == 0
    assert measured["settings"].loho.steps_stage_one == 7


def test_unwritable_result_is_refused_before_the_work(measured, tmp_path, capsys):
    assert leave(["embedded", "evaluate", "--seed", "0", "--json", str(tmp_path)]) == 2
    assert "remedy" in capsys.readouterr().err
    assert not measured


def test_help_names_the_three_commands(capsys):
    assert leave(["embedded", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("evaluate", "sheets", "adopt"))


def worsened(folder: Path) -> None:
    """Put the shipped landmark network there , changed, with a card that admits a larger error."""
    tensors, config = read_network(FOLDER / "landmarks.safetensors")
    card = json.loads((FOLDER / "landmarks.json").read_text())
    card["held_out"]["mean_error"] += 1
    worse = {name: value + 1 for name, value in tensors.items()}
    save_network(folder / "landmarks.safetensors", worse, config, card)


def test_worse_network_is_refused_with_code_2(tmp_path, capsys):
    worsened(tmp_path / "training")
    before = {path.name: path.read_bytes() for path in FOLDER.iterdir() if path.is_file()}
    assert leave(["embedded", "adopt", "landmarks", "--folder", str(tmp_path / "training")]) == 2
    message = capsys.readouterr().err
    assert "mean_error" in message
    assert "--force" in message
    assert {path.name: path.read_bytes() for path in FOLDER.iterdir() if path.is_file()} == before


@REALLY_RUNS[0]
@REALLY_RUNS[1]
def test_rule_refuses_a_worse_network(tmp_path):
    worsened(tmp_path / "training")
    before = (FOLDER / "landmarks.safetensors").read_bytes()
    result = snakemake(tmp_path, "training/landmarks.adopted")
    assert result.returncode != 0
    assert "mean_error" in result.stderr
    assert not (tmp_path / "training" / "landmarks.adopted").exists()
    assert (FOLDER / "landmarks.safetensors").read_bytes() == before
