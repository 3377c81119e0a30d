"""``loho-bench weights``: what it shows, what it fetches, and with which code it leaves."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from loopback import Served, loopback

from loho_bench.cli import main
from loho_bench.cli.weights import markdown_table
from loho_bench.weights.published import manifest as manifest_module
from loho_bench.weights.published.manifest import manifest

ROOT = Path(__file__).parents[2]
CONTENT = b"\x80\x02 the tensors of a network"


@pytest.fixture(autouse=True)
def _no_other_files(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("LOHO_BENCH_WEIGHTS", "LOHO_BENCH_MIRRORS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "weights"
    path.mkdir()
    return path


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    path = tmp_path / "mirror"
    path.mkdir()
    monkeypatch.setenv("LOHO_BENCH_MIRRORS", str(path))
    return path


def leave(*arguments: object) -> int:
    """Run the program in this process and return its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main(["weights", *map(str, arguments)])
    return exit_.value.code


def test_the_list_has_a_whole_line_a_file_when_piped(folder, capsys):
    (folder / "inference.pth").write_bytes(CONTENT)
    (folder / "parsing_bisenet.pth").write_bytes(CONTENT)
    assert leave("list", "--folder", folder) == 0
    lines = capsys.readouterr().out.splitlines()
    found = {line.split()[0]: line for line in lines if not line.endswith("53289463")}
    for name, file in manifest().items():
        assert file.file in found[name]
        assert file.licence in found[name]
        status = {"graphonomy": "present", "bisenet": "wrong"}.get(name, "missing")
        assert f" {status} " in found[name]
    assert str(folder / "inference.pth") in found["graphonomy"]
    assert "53 MB" in found["bisenet"]
    assert f"bisenet: it has {len(CONTENT)} bytes instead of 53289463" in lines
    assert not (folder / "weights.lock.json").exists()


@pytest.mark.parametrize("option", [["--json"], ["--format", "json"]])
def test_the_list_for_programs_says_all_that_the_manifest_says(folder, capsys, option):
    (folder / "inference.pth").write_bytes(CONTENT)
    assert leave("list", "--folder", folder, *option) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == list(manifest())
    for name, file in manifest().items():
        assert file.model_dump(mode="json").items() <= rows[name].items()
    assert rows["graphonomy"]["path"] == str(folder / "inference.pth")
    assert (rows["vgg16"]["status"], rows["vgg16"]["path"]) == ("missing", None)


def test_a_file_of_the_settings_is_shown(folder, tmp_path, capsys):
    (tmp_path / "mine.pth").write_bytes(CONTENT)
    settings = {"weights": {"folder": str(folder), "files": {"vgg16": str(tmp_path / "mine.pth")}}}
    assert leave("list", "--json", "--settings", json.dumps(settings)) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["vgg16"]["path"] == str(tmp_path / "mine.pth")


def test_what_is_asked_for_is_fetched_and_the_rest_is_tried_after_a_failure(folder, capsys):
    with loopback() as server:
        server.files["ffhq.pkl"] = Served(CONTENT)
        settings = json.dumps({"weights": {"mirrors": [server.url]}})
        names = ("michigan-generator", "stylegan2-ffhq-nvidia")
        assert leave("fetch", *names, "--folder", folder, "--settings", settings) == 2
    shown = capsys.readouterr()
    assert (folder / "ffhq.pkl").read_bytes() == CONTENT
    assert re.search(r"^stylegan2-ffhq-nvidia: \S+ffhq.pkl \(from http://127.*licence: NVIDIA", shown.out)
    assert "cannot fetch michigan-generator (50_net_G.pth)" in shown.err
    assert "it answers 404" in shown.err
    assert leave("fetch", "stylegan2-ffhq-nvidia", "--folder", folder) == 0
    assert "already there" in capsys.readouterr().out


def test_what_only_a_person_can_fetch_is_told_with_its_page(folder, capsys):
    assert leave("fetch", "graphonomy", "--folder", folder) == 2
    message = capsys.readouterr().err
    file = manifest()["graphonomy"]
    assert file.page in message
    assert file.steps in message
    assert f"into {folder} as inference.pth" in message


def test_without_names_all_is_fetched_that_can_be_and_the_others_are_listed(folder, capsys, monkeypatch):
    from loho_bench.weights.published import fetching

    asked = []
    monkeypatch.setattr(
        fetching, "fetch", lambda name, store: asked.append(name) or fetching.Fetched(folder / name, "there")
    )
    assert leave("fetch", "--folder", folder) == 0
    shown = capsys.readouterr().out
    by_hand = [name for name, file in manifest().items() if not file.urls]
    assert asked == [name for name in manifest() if name not in by_hand]
    for name in by_hand:
        assert f"{name}: by hand. {manifest()[name].page}: {manifest()[name].steps}" in shown


def test_a_mirror_gives_what_is_otherwise_got_by_hand(folder, mirror, capsys, monkeypatch):
    names = ("graphonomy", "michigan-generator")
    two = {name: manifest()[name] for name in names}
    monkeypatch.setattr(manifest_module, "manifest", lambda: two)
    (mirror / "inference.pth").write_bytes(CONTENT)
    assert leave("fetch", "--folder", folder) == 0
    shown = capsys.readouterr()
    assert f"graphonomy: {folder / 'inference.pth'} (from {mirror}" in shown.out
    assert "michigan-generator: by hand." in shown.out
    assert "graphonomy: by hand." not in shown.out
    assert not shown.err


def test_what_no_mirror_has_is_a_failure_if_it_was_asked_for(folder, mirror, capsys):
    (mirror / "inference.pth").write_bytes(CONTENT)
    assert leave("fetch", "graphonomy", "michigan-generator", "--folder", folder) == 2
    shown = capsys.readouterr()
    assert (folder / "inference.pth").read_bytes() == CONTENT
    assert f"{mirror / '50_net_G.pth'}: there is no such file" in shown.err


def test_check_says_right_or_wrong_in_a_line_each(folder, capsys):
    assert leave("check", "--folder", folder) == 0
    assert "no files" in capsys.readouterr().out
    (folder / "inference.pth").write_bytes(CONTENT)
    assert leave("check", "--folder", folder) == 0
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert capsys.readouterr().out == f"graphonomy: right: {folder / 'inference.pth'}, SHA-256 {sha256}\n"
    (folder / "vgg16-397923af.pth").write_bytes(CONTENT)
    (folder / "inference.pth").write_bytes(CONTENT + b"more")
    assert leave("check", "--folder", folder) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[:2] for line in lines] == [["graphonomy", " wrong"], ["vgg16", " wrong"]]
    assert leave("check", "bisenet", "--folder", folder) == 2
    assert capsys.readouterr().out == "bisenet: missing\n"


def test_a_typing_error_stops_before_anything_is_fetched(folder, mirror, capsys):
    (mirror / "inference.pth").write_bytes(CONTENT)
    for command in ("fetch", "check"):
        assert leave(command, "graphonomy", "vgg-16", "--folder", folder) == 2
        assert "Did you mean 'vgg16'?" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_the_table_of_the_documentation_is_the_printed_one(capsys):
    assert leave("list", "--format", "markdown") == 0
    table = capsys.readouterr().out
    assert table == markdown_table() + "\n"
    page = (ROOT / "docs" / "weights.md").read_text(encoding="utf-8")
    assert table in page, "put the output of 'loho-bench weights list --format markdown' into docs/weights.md"
    assert page.count("| name |") == 1
