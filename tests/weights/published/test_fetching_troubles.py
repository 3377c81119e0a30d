"""Fetching where the disk refuses, where two processes meet, and where one is killed."""

from __future__ import annotations

import multiprocessing
import subprocess
import time

import pytest
from fetched import CONTENT, FILE, HASTY, NAME, refused

from loho_bench.weights.published.fetching import fetch
from loho_bench.weights.published.store import WeightStore


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB; its contents vanish with the test."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_explained_and_the_fetch_goes_on_once_there_is_room(server, listed, small_disk):
    store = WeightStore([small_disk])
    message = refused(store)
    assert "No space left" in message
    assert "free some space" in message
    subprocess.run(["mount", "-o", "remount,size=2m", str(small_disk)], check=True)
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT
    assert server.requests[-1].range is not None


def test_a_read_only_folder_is_explained(listed, small_disk, tmp_path):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert "Read-only file system" in refused(WeightStore([small_disk, tmp_path / "cache"]))


def test_files_in_a_read_only_folder_are_used_as_they_are(listed, small_disk, tmp_path):
    (small_disk / FILE).write_bytes(CONTENT[:1000])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for store in (WeightStore([small_disk]), WeightStore([tmp_path / "own", small_disk])):
        assert fetch(NAME, store, HASTY).path == small_disk / FILE
        assert store.require([NAME]) == {NAME: small_disk / FILE}


def start(store: WeightStore) -> multiprocessing.Process:
    """Fetch in another process; forked, so that it need not import everything anew."""
    process = multiprocessing.get_context("fork").Process(target=fetch, args=(NAME, store, HASTY))
    process.start()
    return process


def test_two_processes_fetch_a_file_once(server, listed, store):
    server.files[FILE].pause = 0.02
    processes = [start(store) for _ in range(2)]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert (store.target / FILE).read_bytes() == CONTENT
    assert server.sent == [len(CONTENT)]


def test_a_killed_process_leaves_no_half_file_and_the_next_goes_on(server, listed, store):
    server.files[FILE].pause = 0.1
    process = start(store)
    part = store.target / ".fetching" / NAME / "part"
    ends = time.monotonic() + 30
    while not (part.is_file() and part.stat().st_size > 100_000) and time.monotonic() < ends:
        time.sleep(0.02)
    process.kill()
    process.join()
    kept = part.stat().st_size
    assert 100_000 < kept < len(CONTENT)
    assert not (store.target / FILE).exists()
    server.files[FILE].pause = 0
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT
    (resumed,) = [request for request in server.requests if request.range]
    assert resumed.range == f"bytes={kept}-"
    assert resumed.sent == len(CONTENT) - kept
    assert not list((store.target / ".fetching").glob(f"{NAME}/*"))
