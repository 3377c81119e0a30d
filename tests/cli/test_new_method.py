"""The files that a method from outside starts with."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from snakefmt.formatter import Formatter
from snakefmt.parser.parser import Snakefile

from loho_bench.cli import main
from loho_bench.cli.app import EXIT_USER
from loho_bench.settings.loading import load_settings

RULES = Path("workflow/rules/methods")


@pytest.fixture(autouse=True)
def _workflow(tmp_path, monkeypatch):
    (tmp_path / RULES).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)


def leave(*arguments: str) -> int:
    """Run ``loho-bench new-method`` in this process and return its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main(["new-method", *arguments])
    return exit_.value.code


def written() -> set[str]:
    return {str(path) for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", [[], ["--each"], ["--triples"]])
def test_a_rule_and_its_settings_are_written(form, capsys):
    assert leave("hair-net", *form) == 0
    assert written() == {"config/hair-net.yaml", str(RULES / "hair-net.smk")}
    assert "--configfile config/hair-net.yaml" in capsys.readouterr().out
    entry = load_settings("config/hair-net.yaml").external["hair-net"]
    assert entry.options["program"]
    rule = (RULES / "hair-net.smk").read_text()
    assert "rule run_hair_net:" in rule
    assert 'directory("results/hair-net/outputs/{kind}-{shard}")' in rule
    assert Formatter(Snakefile(RULES / "hair-net.smk"), line_length=110).get_formatted() == rule


def test_a_folder_of_results_needs_no_rule(capsys):
    assert leave("hairnet", "--results", "/data/hair net") == 0
    assert written() == {"config/hairnet.yaml"}
    assert load_settings("config/hairnet.yaml").external["hairnet"].results == "/data/hair net"
    assert "results/hairnet/inputs/all/triples.tsv" in capsys.readouterr().out


def test_settings_written_are_the_defaults_spelled_out():
    leave("hairnet")
    given = yaml.safe_load(Path("config/hairnet.yaml").read_text())["external"]["hairnet"]
    entry = load_settings('{"external": {"hairnet": {}}}').external["hairnet"]
    for name in set(given) - {"label", "options"}:
        assert given[name] == getattr(entry, name), name


@pytest.mark.parametrize("file", ["config/hairnet.yaml", str(RULES / "hairnet.smk")])
def test_no_file_is_overwritten(file, capsys):
    Path(file).parent.mkdir(exist_ok=True)
    Path(file).write_text("mine")
    assert leave("hairnet") == EXIT_USER
    assert written() == {file}
    assert Path(file).read_text() == "mine"
    assert file in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["HairNet"], "cannot be the name"),
        (["hair_net"], "cannot be the name"),
        (["../hairnet"], "cannot be the name"),
        (["hairnet-"], "cannot be the name"),
        (["loho"], "is taken"),
        (["hairnet", "--each", "--triples"], "exclude one another"),
        (["hairnet", "--results", "x", "--triples"], "exclude one another"),
        (["hairnet", "--folder", "config"], "there is no folder"),
    ],
)
def test_what_cannot_be_started_says_why(arguments, message, capsys):
    assert leave(*arguments) == EXIT_USER
    said = capsys.readouterr().err
    assert message in said
    assert "remedy" in said
    assert written() == set()
