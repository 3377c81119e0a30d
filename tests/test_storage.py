"""Files that are whole or not there, tables whose ids stay text, locks between processes, full disks."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from loho_bench.errors import UserError
from loho_bench.storage import (
    atomic_path,
    exclusive_lock,
    file_sha256,
    read_json,
    read_table,
    write_json,
    write_png,
    write_table,
    write_text,
)


def refusal(error: pytest.ExceptionInfo[UserError]) -> str:
    """The message, once it is sure to say what, why and what to do."""
    assert error.value.what
    assert error.value.cause
    assert error.value.remedy
    return str(error.value)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB; its contents vanish with the test."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half of the ne")
            assert path.read_text() == "old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["rows.csv"]


def test_a_process_killed_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text("{}")
    script = (
        "import os, signal, sys\nfrom loho_bench.storage import atomic_path\n"
        "with atomic_path(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert killed.returncode == -9
    assert read_json(path) == {}


def test_a_written_file_replaces_the_old_one_with_ordinary_permissions(tmp_path):
    path = tmp_path / "new" / "folders" / "notes.txt"
    write_text("first", path)
    write_text("grüße", path)
    assert path.read_bytes() == "grüße".encode()
    assert os.listdir(path.parent) == ["notes.txt"]
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_full_disk_is_explained_and_leaves_the_old_file(small_disk):
    path = small_disk / "table.csv"
    path.write_text("old")
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    table = pd.DataFrame(noise.reshape(-1, 6).astype(float) / 7)
    writes = [
        (lambda: write_text("x" * 100_000, path), path),
        (lambda: write_table(table, path), path),
        (lambda: write_table(table.add_prefix("c"), small_disk / "table.parquet"), "table.parquet"),
        (lambda: write_png(noise, small_disk / "image.png"), "image.png"),
    ]
    for write, name in writes:
        with pytest.raises(UserError) as error:
            write()
        message = refusal(error)
        assert str(name) in message
        assert "No space left" in message
        assert "free some space" in message
        assert os.listdir(small_disk) == ["table.csv"]
    assert path.read_text() == "old"


def test_a_read_only_file_system_is_explained(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for write in (
        lambda: write_text("x", small_disk / "a.txt"),
        lambda: write_text("x", small_disk / "new" / "a.txt"),
        lambda: exclusive_lock(small_disk / ".lock").__enter__(),
    ):
        with pytest.raises(UserError, match="Read-only file system") as error:
            write()
        assert "can be written to" in refusal(error)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "can be written to"),
        (errno.EACCES, "permission"),
    ],
)
def test_what_the_system_refuses_is_explained(tmp_path, monkeypatch, code, words):
    def refuse(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    with pytest.raises(UserError) as error:
        write_json({}, tmp_path / "a.json")
    message = refusal(error)
    assert str(tmp_path / "a.json") in message
    assert os.strerror(code) in message
    assert words in message


def test_another_failure_of_the_system_is_not_passed_off_as_the_disk(tmp_path):
    def fail() -> None:
        with atomic_path(tmp_path / "a.txt"):
            raise OSError(errno.ECONNRESET, "reset")

    with pytest.raises(OSError, match="reset") as error:
        fail()
    assert not isinstance(error.value, UserError)


def test_files_and_folders_in_each_others_place_are_explained(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path, words in (
        (tmp_path / "file" / "a.txt", "a file stands where a folder is needed"),
        (tmp_path / "file" / "deeper" / "a.txt", "a file stands where a folder is needed"),
        (tmp_path / "folder", "a folder stands where a file is needed"),
    ):
        with pytest.raises(UserError) as error:
            write_text("x", path)
        message = refusal(error)
        assert str(path) in message
        assert words in message
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.parametrize("name", ["tuples.csv", "tuples.parquet"])
def test_ids_stay_text(tmp_path, name):
    ids = ["00018", "NA", "1e5", "null", "True"]
    columns = ("tuple_id", "identity", "structure", "appearance", "portrait_id")
    table = pd.DataFrame({**dict.fromkeys(columns, ids), "face_iou": [0.1, 1 / 3, np.nan, 0.75, 1.0]})
    write_table(table, tmp_path / name)
    found = read_table(tmp_path / name)
    for column in columns:
        assert list(found[column]) == ids
    # csv and Parquet both keep every bit of a float, and its absence.
    np.testing.assert_array_equal(found["face_iou"].to_numpy(float), table["face_iou"])


def test_a_csv_is_what_a_spreadsheet_expects(tmp_path):
    write_table(pd.DataFrame({"tuple_id": ["a,b"], "value": [0.5]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == b'tuple_id,value\n"a,b",0.5\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.parquet", b"PAR1 and then nothing"),
        ("empty.parquet", b""),
        ("empty.csv", b""),
        ("ragged.csv", b"a,b\n1,2\n1,2,3,4\n"),
        ("latin.csv", "a\ngrün\n".encode("latin-1")),
    ],
)
def test_a_broken_table_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        read_table(tmp_path / name)
    assert f"cannot read {tmp_path / name}" in refusal(error)


def test_half_a_parquet_file_is_named(tmp_path):
    path = tmp_path / "t.parquet"
    write_table(pd.DataFrame({"a": range(1000)}), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"t\.parquet"):
        read_table(path)


@pytest.mark.parametrize("content", [b'{"a": 1', b"", b"\xff\xfe{}"])
def test_a_broken_json_file_is_named(tmp_path, content):
    (tmp_path / "row.json").write_bytes(content)
    with pytest.raises(UserError) as error:
        read_json(tmp_path / "row.json")
    assert f"cannot read {tmp_path / 'row.json'}" in refusal(error)


@pytest.mark.parametrize("read", [read_json, read_table])
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(UserError, match="no such file") as error:
        read(tmp_path / "not there.csv")
    assert "not there.csv" in refusal(error)


def test_json_round_trip(tmp_path):
    value = {"b": [1, 2.5, None, True], "a": {"ü": "ß"}}
    write_json(value, tmp_path / "v.json")
    assert read_json(tmp_path / "v.json") == value
    assert (tmp_path / "v.json").read_text(encoding="utf-8").index('"a"') < 10


def test_png_round_trip(tmp_path):
    rng = np.random.default_rng(1)
    for shape in ((5, 7, 3), (5, 7)):
        image = rng.integers(0, 256, shape, dtype=np.uint8)
        write_png(image, tmp_path / "image.png")
        with Image.open(tmp_path / "image.png") as opened:
            assert opened.format == "PNG"
            np.testing.assert_array_equal(np.asarray(opened), image)


def test_sha256_of_a_known_text(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(tmp_path / "abc") == known


_HOLDER = """
import sys
from pathlib import Path
from loho_bench.storage import exclusive_lock
print("ready", flush=True)
with exclusive_lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
    Path(sys.argv[2]).write_text("done")
"""


@pytest.mark.parametrize("end", ["leaves", "is killed"])
def test_a_lock_holds_between_processes_until_its_holder_ends(tmp_path, end):
    lock, done = tmp_path / "folder" / ".lock", tmp_path / "done"
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(lock), str(done)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert [holder.stdout.readline() for _ in range(2)] == ["ready\n", "held\n"]
    with lock.open() as stream, pytest.raises(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if end == "leaves":
        waiter = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, str(lock), str(tmp_path / "second")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert waiter.stdout.readline() == "ready\n"
        time.sleep(0.5)
        assert not (tmp_path / "second").exists()
        holder.communicate()
        assert waiter.communicate()[0] == "held\n"
        assert (tmp_path / "second").exists()
    else:
        holder.kill()
        holder.communicate()
    with exclusive_lock(lock), lock.open() as stream, pytest.raises(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert done.exists() == (end == "leaves")
