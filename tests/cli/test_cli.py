"""What the command line says and with which code it leaves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from loho_bench.cli import layout, main
from loho_bench.storage import write_table

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "portraits",
    "annotate",
    "tuples",
    "transfer",
    "transfer-one",
    "layers",
    "align",
    "weights",
    "parity",
    "score",
    "report",
    "ablation",
    "schema",
    "train",
    "calibrate",
    "embedded",
    "external",
    "new-method",
)


def leave(arguments: list[str]) -> int:
    """Run the program in this process and return its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    return exit_.value.code


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, without the variables that configure threads."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "LOHO_"))}
    kept["PYTHONPATH"] = str(ROOT)
    return subprocess.run([sys.executable, *arguments], env=kept, cwd=ROOT, capture_output=True, text=True)


def test_help_names_every_stage(capsys):
    assert leave(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(re.search(rf"\b{command}\b", shown) for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    assert leave([command, "--help"]) == 0
    assert command in capsys.readouterr().out


def test_help_imports_nothing_heavy():
    code = "import sys, loho_bench.cli; print(sorted({'torch', 'pandas', 'cv2', 'scipy'} & set(sys.modules)))"
    assert python("-c", code).stdout.strip() == "[]"


def test_unknown_setting_is_answered_with_the_nearest(tmp_path, capsys):
    settings = json.dumps({"portraits": {"cuont": 4}})
    assert leave(["portraits", "--out", str(tmp_path / "p.parquet"), "--settings", settings]) == 2
    captured = capsys.readouterr()
    assert "unknown setting 'cuont'" in captured.err
    assert "Did you mean 'count'" in captured.err
    assert "Traceback" not in captured.err
    assert not list(tmp_path.iterdir())


def test_missing_file_of_settings_is_named(tmp_path, capsys):
    path = tmp_path / "nowhere.yaml"
    assert leave(["portraits", "--out", str(tmp_path / "p.parquet"), "--settings", str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_output_below_a_file_is_refused_with_a_remedy(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    out = tmp_path / "taken" / "p.parquet"
    assert leave(["portraits", "--out", str(out), "--settings", '{"portraits": {"count": 3}}']) == 2
    message = capsys.readouterr().err
    assert str(tmp_path / "taken") in message
    assert "remedy" in message


def test_unknown_method_is_answered_with_the_nearest(tmp_path):
    tables = [f"--{name}={tmp_path / name}" for name in ("tuples", "portraits", "annotations", "out")]
    result = python("-m", "loho_bench.cli", "transfer", "lohoo", *tables)
    assert result.returncode == 2
    assert "unknown method 'lohoo'. Did you mean 'loho'?" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", [["transfer", "loho"], ["score", "loho"], ["report"], ["ablation"]])
@pytest.mark.parametrize(
    ("methods", "answer"),
    [
        ({"loho-no-og": {"rampup": 0.1}}, "unknown method 'loho-no-og'. Did you mean 'loho-no-go'?"),
        ({"loho": {"ramp_up": 0.1}}, "Did you mean 'rampup'?"),
    ],
)
def test_settings_of_methods_are_checked_before_anything_is_read(tmp_path, capsys, command, methods, answer):
    tables = [f"--{name}={tmp_path / name}" for name in ("tuples", "portraits", "annotations")]
    given = tables if command[0] == "transfer" else []
    settings = json.dumps({"methods": methods})
    assert leave([*command, *given, "--out", str(tmp_path / "out"), "--settings", settings]) == 2
    assert answer in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ["score", "lohoo"],
        ["report", "--settings", '{"reports": {"methods": ["lohoo"]}}'],
        ["report", "--settings", '{"reports": {"reconstruction": ["lohoo"]}}'],
        ["ablation", "--settings", '{"reports": {"ablation": ["lohoo"]}}'],
    ],
)
def test_unknown_methods_of_scores_and_reports_are_answered_with_the_nearest(words, capsys):
    assert leave(words) == 2
    assert "unknown method 'lohoo'. Did you mean 'loho'?" in capsys.readouterr().err


def test_unknown_option_is_an_error_of_the_user():
    assert leave(["portraits", "--uot", "p.parquet"]) == 2


def test_defect_of_the_program_shows_where_it_is(monkeypatch, capsys, caplog):
    def broken(*_):
        raise RuntimeError("a wire is loose")

    monkeypatch.setattr("loho_bench.portraits.table.write_portraits", broken)
    assert leave(["portraits", "--out", "p.parquet"]) == 1
    assert "a wire is loose" in caplog.text + capsys.readouterr().err


def test_stages_log_to_standard_error_with_the_time(tmp_path):
    settings = '{"portraits": {"count": 3, "size": 64}}'
    out = tmp_path / "portraits.parquet"
    result = python("-m", "loho_bench.cli", "portraits", "--out", str(out), "--settings", settings)
    assert result.returncode == 0
    assert out.is_file()
    assert result.stdout == ""
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO .*drawing portraits", result.stderr, re.MULTILINE)
    quiet = python("-m", "loho_bench.cli", "--quiet", "portraits", "--out", str(out), "--settings", settings)
    assert quiet.stderr == ""


def test_methods_are_listed():
    listed = python("-m", "loho_bench.cli", "methods").stdout.splitlines()
    assert {"loho", "loho-no-go", "loho-unprojected", "loho-one-stage"} <= {
        line.split()[0] for line in listed
    }


def test_stages_find_the_files_of_the_stages_before(tmp_path, monkeypatch):
    calls = []

    def recorded(name):
        return lambda *arguments, **options: calls.append((name, *arguments))

    for target in ("annotation.shards.annotate_shard", "methods.runner.run_shard"):
        monkeypatch.setattr(f"loho_bench.{target}", recorded(target.rsplit(".")[-1]))
    monkeypatch.setattr("loho_bench.curation.tuples.write_tuples", recorded("write_tuples"))
    monkeypatch.chdir(tmp_path)
    write_table(pd.DataFrame({"portrait_id": list("abcde")}), layout.PORTRAITS)
    write_table(pd.DataFrame({"tuple_id": list("abc")}), "tuples/tuples.csv")
    settings = ["--settings", '{"annotation": {"shard_size": 2}, "transfer": {"shard_size": 2}}']
    assert leave(["annotate", *settings]) == 0
    shards = [Path(f"annotations/shard-{shard:04d}.parquet") for shard in range(3)]
    assert [(call[1], *call[3:]) for call in calls] == [
        (layout.PORTRAITS, n, s) for n, s in enumerate(shards)
    ]

    for path in shards:
        write_table(pd.DataFrame(), path)
    calls.clear()
    assert leave(["tuples"]) == 0
    assert leave(["transfer", "loho", *settings]) == 0
    assert [(calls[0][1], calls[0][3])] == [(shards, Path("tuples"))]
    results = [Path(f"results/loho/tuples-{shard:04d}.parquet") for shard in range(2)]
    assert [(call[1], call[4], *call[6:]) for call in calls[1:]] == [
        ("loho", shards, number, path) for number, path in enumerate(results)
    ]


def test_one_table_takes_everything_unless_a_shard_is_named(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("loho_bench.annotation.shards.annotate_shard", lambda *call: calls.append(call[2:]))
    monkeypatch.chdir(tmp_path)
    assert leave(["annotate", "--out", "all.parquet"]) == 0
    assert leave(["annotate", "--shard", "3"]) == 0
    assert calls == [(None, Path("all.parquet")), (3, Path("annotations/shard-0003.parquet"))]


def test_missing_annotations_are_answered_with_the_step_to_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert leave(["tuples"]) == 2
    assert "run 'loho-bench annotate' first" in capsys.readouterr().err
