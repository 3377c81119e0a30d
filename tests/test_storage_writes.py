"""Files that are whole or not there, locks between processes, and full disks."""

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
from refusals import refusal

from loho_bench.errors import UserError
from loho_bench.storage import (
    atomic_path,
    check_writable,
    exclusive_lock,
    read_json,
    write_json,
    write_png,
    write_table,
    write_text,
)


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
        lambda: check_writable(small_disk),
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
