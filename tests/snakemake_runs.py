"""Snakemake as from an environment that is not activated, for tests of rules that really run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = Path(sys.executable).parent

REALLY_RUNS = (
    pytest.mark.workflow,
    pytest.mark.skipif(
        shutil.which("loho-bench", path=str(PROGRAMS)) is None,
        reason="loho-bench is not installed in this environment: pip install -e .",
    ),
)


def snakemake(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in the folder of a run; its output is captured."""
    environment = os.environ | {"PATH": "/usr/bin:/bin"}
    command = [str(PROGRAMS / "snakemake"), "--cores", "2", "--directory", str(directory), *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
