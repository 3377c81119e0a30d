"""Seeds and hashes against SHA-256 itself, and across processes."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from importlib import metadata

import pytest

import loho_bench
from loho_bench.provenance import checkout_commit, derive_seed, stable_hash, versions


def seed_by_hand(text: str) -> int:
    """The first 63 bits of the SHA-256 of ``text``."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) // 2


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("easy-0001", "loho", 0), '["easy-0001", "loho", "0"]'),
        (("portrait", 7, 479), '["portrait", "7", "479"]'),
        ((), "[]"),
    ],
)
def test_a_seed_is_sixty_three_bits_of_a_hash(parts, text):
    assert derive_seed(*parts) == seed_by_hand(text)
    assert 0 <= derive_seed(*parts) < 2**63


def test_a_seed_depends_on_its_parts_alone():
    ids = [f"easy-{i:04d}" for i in range(200)]
    forwards = {i: derive_seed(i, "loho", 0) for i in ids}
    backwards = {i: derive_seed(i, "loho", 0) for i in reversed(ids)}
    assert forwards == backwards
    assert len(set(forwards.values())) == 200
    # Neither the boundary between the parts nor their order is lost.
    assert derive_seed("ab", "c") != derive_seed("a", "bc") != derive_seed("bc", "a")
    assert derive_seed("a", 1) != derive_seed("a", 11) != derive_seed("a", 1, 1)


def test_seeds_and_hashes_are_the_same_in_another_process():
    """Python's own hash of text changes from process to process."""
    value = {"b": [1, 2.5], "a": {"x": None}}
    script = (
        "from loho_bench.provenance import derive_seed, stable_hash\n"
        "print(derive_seed('easy-0001', 'loho', 0), stable_hash({'a': {'x': None}, 'b': [1, 2.5]}))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "5"},
    )
    assert answer.stdout.split() == [str(derive_seed("easy-0001", "loho", 0)), stable_hash(value)]


def test_a_hash_follows_the_json_form():
    by_hand = hashlib.sha256(b'{"a": {"x": null}, "b": [1, 2.5]}').hexdigest()[:12]
    assert stable_hash({"b": [1, 2.5], "a": {"x": None}}) == by_hand
    assert stable_hash({"b": (1, 2.5), "a": {"x": None}}) == by_hand
    others = [{"b": [2.5, 1], "a": {"x": None}}, {"b": [1, 2.5], "a": {"x": 0}}, [1, 2.5], "[1, 2.5]", b"\0"]
    assert len({by_hand, *map(stable_hash, others)}) == 1 + len(others)


def test_versions_are_those_installed():
    found = versions()
    assert found["loho_bench"] == loho_bench.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    for package in ("torch", "numpy", "scipy", "clean-fid"):
        assert found[package] == metadata.version(package)


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_is_what_git_says_it_is(tmp_path):
    checkout, linked = tmp_path / "checkout", tmp_path / "linked"
    checkout.mkdir()
    git(checkout, "init", "-b", "a/branch")
    assert checkout_commit(checkout) is None
    git(checkout, "commit", "--allow-empty", "-m", "one")
    first = git(checkout, "rev-parse", "HEAD")
    assert checkout_commit(checkout) == first
    git(checkout, "pack-refs", "--all")
    assert checkout_commit(checkout) == first
    git(checkout, "worktree", "add", "-b", "other", str(linked))
    git(linked, "commit", "--allow-empty", "-m", "two")
    assert checkout_commit(linked) == git(linked, "rev-parse", "HEAD") != first
    assert checkout_commit(checkout) == first
    git(linked, "checkout", "--detach", first)
    assert checkout_commit(linked) == first


def test_without_a_checkout_there_is_no_commit(tmp_path):
    assert checkout_commit(tmp_path) is None
    (tmp_path / ".git").write_text("gitdir: nowhere\n")
    assert checkout_commit(tmp_path) is None
