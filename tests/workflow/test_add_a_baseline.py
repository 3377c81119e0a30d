"""docs/add-a-baseline.md, followed to the letter in a copy of the workflow with a tiny run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml
from snakemake_runs import PROGRAMS, REALLY_RUNS, ROOT

pytestmark = list(REALLY_RUNS)

# Small enough for a minute: few portraits, two tuples a category, one cheap method beside the new one.
TINY = {
    "portraits": {"count": 48},
    "tuples": {"per_category": 2, "when_short": "take_all", "reconstructions": 0, "edits": 0},
    "reports": {
        "methods": ["true-answer"],
        "paper": ["true-answer"],
        "ablation": [],
        "reconstruction": [],
        "paper_reconstruction": [],
        "editing": [],
        "bootstrap": 100,
    },
}


def blocks(section: str) -> list[tuple[str, str]]:
    """Language and text of every block of code in a section of the page."""
    page = (ROOT / "docs" / "add-a-baseline.md").read_text(encoding="utf-8")
    text = re.search(rf"^## {section}\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)[1]
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run(folder: Path, command: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command as in an activated environment: the page assumes one, and its program needs Pillow."""
    environment = os.environ | {"PATH": f"{path}{PROGRAMS}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-euc", command], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def walk(tmp_path_factory) -> tuple[Path, str]:
    """Folder of the workflow after the walk through "A first one", and what its last command printed."""
    folder = tmp_path_factory.mktemp("walk") / "loho_bench"
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    shutil.copytree(ROOT / "profiles", folder / "profiles")
    shutil.copy(ROOT / "Snakefile", folder)
    (folder / "config").mkdir()
    (folder / "config" / "default.yaml").write_text(yaml.safe_dump(TINY))
    files = {"python": "toy.py", "yaml": "config/toy.yaml"}
    printed = ""
    for language, text in blocks("A first one"):
        if language == "sh":
            result = run(folder, text)
            assert result.returncode == 0, result.stderr
            printed = result.stdout
        elif language in files:
            (folder / files[language]).write_text(text, encoding="utf-8")
    return folder, printed


def test_failures_are_listed_as_the_page_shows_them(walk):
    _, printed = walk
    assert ("text", printed) in blocks("A first one")


def test_results_are_those_of_the_program(walk):
    from PIL import Image

    folder, _ = walk
    results = pd.read_parquet(folder / "results/toy/tuples-0000.parquet").set_index("tuple_id")
    tuples = pd.read_csv(folder / "tuples/tuples.csv").set_index("tuple_id")
    assert results["status"].to_dict() == {
        name: "failed" if name in ("easy-0001", "medium-0001") else "ok" for name in tuples.index
    }
    done = results[results["status"] == "ok"]
    assert len(done)
    assert (done["seconds"] > 0).all()
    for name, row in done.iterrows():
        inputs = folder / "results/toy/inputs/tuples-0000"
        images = {
            role: Image.open(inputs / f"portraits/{row[role]}.png") for role in ("identity", "structure")
        }
        mask = Image.open(inputs / f"hair/{row['structure']}.png")
        expected = Image.composite(images["structure"], images["identity"], mask)
        assert Image.open(folder / row["portrait"]).tobytes() == expected.tobytes(), name


def test_failures_are_counted_in_the_reports(walk):
    folder, _ = walk
    asked = len(pd.read_csv(folder / "tuples/tuples.csv"))
    for name in ("fid", "scores", "costs"):
        table = pd.read_csv(folder / f"reports/{name}.csv")
        rows = table[table["category"] == "overall"].set_index("method")
        assert set(rows.loc["toy", "failed"]) == {2}, name
        assert set(rows.loc["true-answer", "failed"]) == {0}, name
        assert rows.loc["toy", "n"].max() == asked - 2
    assert "Toy" in (folder / "reports/index.html").read_text(encoding="utf-8")


def test_a_second_run_does_nothing(walk):
    folder, _ = walk
    result = run(folder, "snakemake --cores 2 -n reports/fid.csv --configfile config/toy.yaml")
    assert "Nothing to be done" in result.stdout + result.stderr


def test_a_rule_of_ones_own_finds_its_own_programs(walk, tmp_path):
    """Such as those of its conda environment, not those that the benchmark runs with."""
    folder, _ = walk
    own = tmp_path / "python"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    rule = (
        'rule which:\n    output:\n        "which.txt",\n    shell:\n        "command -v python > {output}"\n'
    )
    (folder / "workflow/rules/methods/which.smk").write_text(rule)
    result = run(folder, "snakemake --cores 1 which.txt", path=f"{tmp_path}:")
    (folder / "workflow/rules/methods/which.smk").unlink()
    assert result.returncode == 0, result.stderr
    assert (folder / "which.txt").read_text().strip() == str(own)


def test_a_method_without_rule_and_results_is_refused(walk):
    folder, _ = walk
    result = run(
        folder, """snakemake --cores 1 -n scores/nobody.parquet --config 'external={"nobody": {}}'"""
    )
    assert result.returncode != 0
    assert "no rule makes the results of the method 'nobody'" in result.stdout + result.stderr
    assert "loho-bench new-method nobody" in result.stdout + result.stderr
