"""Jobs of one workflow do not start more threads than there are processors."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from loho_bench.cli.threads import jobs_at_once, share_of_threads


@pytest.mark.parametrize(
    ("threads", "cores", "available", "expected"),
    [
        (4, 8, 2, 1),  # two jobs of four on two processors: one each
        (1, None, 2, 1),
        (2, None, 2, 2),
        (8, None, 2, 2),  # more than there are
        (4, 8, 16, 4),  # enough for all
        (8, 8, 8, 8),
        (1, 64, 2, 1),  # never none
    ],
)
def test_share_of_threads(threads, cores, available, expected):
    assert share_of_threads(threads, cores, available) == expected


@pytest.mark.parametrize("available", [1, 2, 3, 4, 16])
@pytest.mark.parametrize("cores", [1, 2, 3, 8, 9, 64])
def test_jobs_of_a_workflow_fit_the_processors(cores, available):
    # The workflow starts min(cores, available) jobs at once and splits its cores among them.
    jobs = min(cores, available)
    threads = -(-cores // jobs)
    assert jobs * share_of_threads(threads, cores, available) <= max(available, jobs)


@pytest.mark.parametrize(
    ("threads", "cores", "expected"),
    [(1, None, 1), (4, None, 1), (4, 8, 2), (5, 9, 1), (1, 16, 16), (8, 4, 1)],
)
def test_jobs_that_share_a_machine(threads, cores, expected):
    assert jobs_at_once(threads, cores) == expected


def test_variables_are_set_before_pytorch_is_loaded():
    code = """
import json, os, sys
from loho_bench.cli.threads import configure_threads
assert "torch" not in sys.modules
count = configure_threads(1, 8)
import cv2, torch
print(json.dumps([count, torch.get_num_threads(), cv2.getNumThreads(), os.environ["OMP_WAIT_POLICY"]]))
"""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    clean["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    output = subprocess.run(
        [sys.executable, "-c", code], env=clean, check=True, capture_output=True, text=True
    )
    assert json.loads(output.stdout) == [1, 1, 1, "PASSIVE"]
