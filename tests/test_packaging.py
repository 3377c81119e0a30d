"""Files that repeat one another say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import loho_bench
from loho_bench.cli.methods import methods_page
from loho_bench.cli.schema import schema_json, settings_page
from loho_bench.methods.catalogue import default_registry
from loho_bench.settings.loading import load_settings

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def requirements() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = set(project["dependencies"]).union(*project["optional-dependencies"].values())
    return {line for line in found if not line.startswith(project["name"])}


def test_conda_environment_asks_for_the_same_packages(requirements):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    from_pypi = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert {line for line in from_pypi if not line.startswith("--")} == requirements
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"python{project['requires-python']}" in environment["dependencies"]


def test_constraints_pin_every_requirement_within_its_range(requirements):
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    for requirement in map(Requirement, requirements):
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), requirement


def test_constraints_hold_pins_and_nothing_else():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert line.startswith("# ") or re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line), line


def test_every_file_names_the_same_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert citation["version"] == newest[1] == loho_bench.__version__


def test_schema_of_the_workflow_is_the_generated_one():
    written = (ROOT / "workflow" / "schemas" / "config.schema.json").read_text(encoding="utf-8")
    assert written == schema_json(), "run: loho-bench schema --out workflow/schemas/config.schema.json"


def test_page_of_settings_is_the_generated_one():
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == settings_page(), "run: loho-bench schema --format markdown --out docs/settings.md"


def test_page_of_methods_is_that_of_their_declarations():
    written = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    run = "run: loho-bench methods --format markdown --out docs/methods.md"
    assert written == methods_page(default_registry()), run


@pytest.mark.parametrize("name", ["default.yaml", "photographs.yaml"])
def test_shipped_settings_are_valid(name):
    load_settings(ROOT / "config" / name)


def test_shipped_settings_leave_variants_of_loho_alone():
    # Set for the family, these two would overrule what makes an ablation an ablation.
    family = yaml.safe_load((ROOT / "config" / "default.yaml").read_text())["loho"]
    assert not {"structure_in_stage_two", "joint"} & set(family)


def test_readme_has_two_commands_of_one_line_each():
    blocks = re.findall(r"^```sh\n(.*?)\n```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    install_and_run, run_tests = blocks
    assert "\n" not in install_and_run
    assert install_and_run.endswith("snakemake --cores 8 reports/fid.csv")
    assert run_tests == 'pip install -c constraints.txt -e ".[test]" && python -m pytest'
