"""Worker processes prepare themselves, and leave with the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loho_bench.processes import process_pool

# The pool's only worker waits for more work when its process is killed.
IDLE = """
import os, time
from loho_bench.processes import process_pool
if __name__ == "__main__":
    pool = process_pool(1)
    print(pool.submit(os.getpid).result(), flush=True)
    time.sleep(60)
"""


def _mark() -> None:
    os.environ["PREPARED"] = "yes"


def test_workers_are_prepared():
    with process_pool(2, _mark) as pool:
        found = {pool.submit(os.getenv, "PREPARED").result() for _ in range(4)}
    assert found == {"yes"}
    assert "PREPARED" not in os.environ


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc which processes run")
def test_workers_do_not_outlive_a_killed_process(tmp_path):
    script = tmp_path / "idle.py"
    script.write_text(IDLE)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        worker = int(process.stdout.readline())
        assert _runs(worker)
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 30
        while _runs(worker) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert not _runs(worker)


def _runs(pid: int) -> bool:
    """Say whether the process exists; one that has ended and waits to be collected does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
