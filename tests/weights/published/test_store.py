"""Finding files and telling right from wrong ones."""

from __future__ import annotations

import hashlib
import json
import os
from types import SimpleNamespace

import pytest
from refusals import refusal

from loho_bench.errors import UserError
from loho_bench.weights.published import ledger
from loho_bench.weights.published import manifest as manifest_module
from loho_bench.weights.published.ledger import LOCK_NAME, HashLock
from loho_bench.weights.published.manifest import WeightFile, manifest
from loho_bench.weights.published.store import WeightStore

CONTENT = b"\x80\x02 the tensors of a network"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def folders(tmp_path):
    paths = [tmp_path / name for name in ("first", "second", "cache")]
    for path in paths:
        path.mkdir()
    return paths


@pytest.fixture
def listed(monkeypatch):
    """Replaces the manifest by one file, ``net``."""

    def put(**more) -> WeightFile:
        values = {"file": "net.pth", "used_for": "tests", "page": "http://a.org", "licence": "MIT"}
        file = WeightFile(name="net", steps="Ask.", **{**values, **more})
        monkeypatch.setattr(manifest_module, "manifest", lambda: {"net": file})
        return file

    return put


def settings(folder="", files=None, mirrors=()):
    return SimpleNamespace(folder=str(folder), files=files or {}, mirrors=mirrors)


def test_folders_are_searched_in_order(folders):
    store = WeightStore(folders)
    assert store.find("graphonomy") is None
    for folder in reversed(folders):
        (folder / "inference.pth").write_bytes(CONTENT)
        assert store.find("graphonomy") == folder / "inference.pth"
    assert store.sha256("graphonomy") == SHA256


def test_settings_come_before_environment_before_the_users_cache(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOHO_BENCH_WEIGHTS", f"{folders[1]}{os.pathsep}{os.pathsep}{folders[2]}")
    monkeypatch.setenv("LOHO_BENCH_MIRRORS", "https://b.org/x, /data")
    store = WeightStore.from_settings(settings(folders[0], mirrors=["https://a.org"]))
    assert store.folders == (*folders, tmp_path / "home" / "loho_bench")
    assert store.target == folders[0]
    assert store.mirrors == ("https://a.org", "https://b.org/x", "/data")
    assert WeightStore.from_settings(settings(folders[0]), folder=folders[2]).target == folders[2]
    for name in ("LOHO_BENCH_WEIGHTS", "LOHO_BENCH_MIRRORS"):
        monkeypatch.delenv(name)
    store = WeightStore.from_settings(settings())
    assert store.folders == (tmp_path / "home" / "loho_bench",)
    assert store.mirrors == ()


def test_a_path_of_its_own_comes_before_all_folders_and_is_not_compared(folders, tmp_path):
    (folders[0] / "face_detection_yunet_2023mar.onnx").write_bytes(CONTENT)
    mine = tmp_path / "mine.safetensors"
    store = WeightStore(folders, files={"yunet": mine})
    with pytest.raises(UserError) as error:
        store.require(["yunet"])
    assert f"{mine} does not exist" in refusal(error)
    assert "weights.files" in refusal(error)
    mine.write_bytes(b"converted")
    assert store.require(["yunet"]) == {"yunet": mine}
    assert WeightStore(folders).check("yunet").status == "wrong"


def test_a_name_that_is_not_in_the_list_is_refused_at_once(folders):
    with pytest.raises(UserError, match="Did you mean 'vgg16'"):
        WeightStore(folders, files={"vgg-16": "a"})
    with pytest.raises(UserError, match="Did you mean 'vgg16'"):
        WeightStore(folders).require(["vgg-16"])


def test_one_error_lists_all_that_is_missing_or_wrong(folders):
    (folders[1] / "parsing_bisenet.pth").write_bytes(CONTENT)
    (folders[1] / "ffhq.pkl").write_bytes(CONTENT)
    with pytest.raises(UserError) as error:
        WeightStore(folders).require(["vgg16", "graphonomy", "bisenet", "stylegan2-ffhq-nvidia", "vgg16"])
    message = refusal(error)
    assert message.startswith("3 weight files are missing or wrong")
    for name in ("vgg16", "graphonomy", "bisenet"):
        file = manifest()[name]
        (line,) = [line for line in message.splitlines() if line.strip().startswith(f"{name}: ")]
        for part in (file.file, file.size_text, file.licence, file.source):
            assert part in line
    assert f"{folders[1] / 'parsing_bisenet.pth'}: it has {len(CONTENT)} bytes instead of 53289463" in message
    assert "loho-bench weights fetch vgg16 bisenet'" in message
    assert f"get graphonomy by hand from {manifest()['graphonomy'].page}" in message
    assert "ffhq.pkl" not in message


@pytest.mark.parametrize(
    "known", [{"sha256": SHA256}, {"file": f"n-{SHA256[:8]}.pth", "sha256_prefix": SHA256[:8]}]
)
def test_published_hashes_decide(folders, listed, known):
    file = listed(**known)
    store = WeightStore(folders)
    path = folders[0] / file.file
    path.write_bytes(CONTENT)
    assert store.require(["net"]) == {"net": path}
    path.write_bytes(CONTENT[:-1] + b"!")
    finding = store.check("net")
    assert (finding.status, finding.path) == ("wrong", path)
    assert "SHA-256" in finding.problem


def test_a_right_hash_outweighs_a_wrong_size_in_the_list(folders, listed):
    listed(sha256=SHA256, size=7)
    (folders[0] / "net.pth").write_bytes(CONTENT)
    assert WeightStore(folders).check("net").status == "present"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<!doctype HTML><title>Sign in</title>", "a web page ('Sign in')"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS"),
    ],
)
def test_what_is_no_network_at_all_is_named(folders, listed, content, words):
    listed(sha256=SHA256)
    (folders[0] / "net.pth").write_bytes(content)
    assert words in WeightStore(folders).check("net").problem


def test_a_file_placed_by_hand_is_recorded_at_first_use_and_checked_ever_after(folders, listed):
    listed()
    path, store = folders[0] / "net.pth", WeightStore(folders)
    path.write_bytes(CONTENT)
    assert store.check("net", record=False).status == "present"
    assert not (folders[0] / LOCK_NAME).exists()
    assert store.require(["net"])
    assert json.loads((folders[0] / LOCK_NAME).read_text())["files"]["net"]["sha256"] == SHA256
    path.write_bytes(b"another network")
    assert LOCK_NAME in WeightStore(folders).check("net").problem
    path.write_bytes(CONTENT)
    assert WeightStore(folders).check("net").status == "present"


def test_what_is_recorded_first_stays(tmp_path):
    lock = HashLock(tmp_path)
    lock.record("net", "net.pth", "a" * 64, "here")
    lock.record("net", "net.pth", "b" * 64, "there")
    lock.record("other", "other.pth", "c" * 64, "there")
    assert (lock.recorded("net"), lock.recorded("other")) == ("a" * 64, "c" * 64)


@pytest.mark.parametrize("text", ["[]", "{", '{"files": {"net": 3}}', '{"files": {"net": {}}}'])
def test_a_broken_record_is_not_passed_over(folders, listed, text):
    listed()
    (folders[0] / "net.pth").write_bytes(CONTENT)
    (folders[0] / LOCK_NAME).write_text(text)
    with pytest.raises(UserError) as error:
        WeightStore(folders).check("net")
    assert str(folders[0] / LOCK_NAME) in refusal(error)


def test_a_file_is_read_once_for_its_hash_until_it_changes(folders, listed, monkeypatch):
    listed(sha256=SHA256)
    read = []
    original = ledger.file_sha256
    monkeypatch.setattr(ledger, "file_sha256", lambda path: read.append(path) or original(path))
    path = folders[1] / "net.pth"
    path.write_bytes(CONTENT)
    for _ in range(3):
        assert WeightStore(folders).check("net").status == "present"
    assert len(read) == 1
    path.write_bytes(bytes(len(CONTENT)))
    os.utime(path, ns=(1, 1))
    assert WeightStore(folders).check("net").status == "wrong"
    assert len(read) == 2


def test_where_hashes_cannot_be_remembered_they_are_taken_anew(folders, listed):
    listed(sha256=SHA256)
    (folders[0] / "net.pth").write_bytes(CONTENT)
    (folders[0] / "file").touch()
    store = WeightStore([folders[0], folders[0] / "file" / "cache"])
    assert store.check("net").status == "present"
    assert store.check("net").status == "present"
