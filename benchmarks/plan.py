"""How long Snakemake plans 70 000 portraits, 5001 tuples and eight methods, and how many jobs that gives.

    python benchmarks/plan.py --json plan.json

Three plans of config/ffhq.yaml with all of FFHQ, for the reports of the methods and of the paper: its images
expected; its images there (70 000 links to a few small files, in subfolders as FFHQ has them); and synthetic
portraits with the default settings and their small shards. Nothing is computed.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from measuring import machine, write_json

ROOT = Path(__file__).parents[1]
PORTRAITS = 70_000
FFHQ = ("--configfile", "config/ffhq.yaml", "--config")
ALL = f'portraits={{"select": "*", "expected": {PORTRAITS}}}'
METHODS = (
    *("loho", "loho-no-go", "loho-unprojected", "loho-one-stage"),
    *("michigan", "i2s-plus-plus", "paste", "true-answer"),
)
SYNTHETIC = {
    "portraits": {"count": PORTRAITS},
    "tuples": {"per_category": 1667, "reconstructions": 0, "edits": 0},
    "reports": {"methods": METHODS},
}


def main(out: Annotated[Path | None, typer.Option("--json", help="File to write.")] = None) -> None:
    """Plan three times, print, and write the figures."""
    both = ("reports/fid.csv", "reports/paper")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        link_images(folder / "present/ffhq/images1024x1024")
        overrides = [f"{group}={json.dumps(values)}" for group, values in SYNTHETIC.items()]
        values = {
            "machine": machine(),
            "expected": plan(folder / "expected", *both, *FFHQ, ALL),
            "present": plan(folder / "present", *both, *FFHQ, ALL),
            "default_shards": plan(folder / "default", both[0], "--config", *overrides),
        }
    write_json(out, values)


def link_images(folder: Path) -> None:
    """Make the files that FFHQ has; a file system allows tens of thousands of links to one."""
    for start in range(0, PORTRAITS, 1000):
        part = folder / f"{start:05d}"
        part.mkdir(parents=True)
        first = part / f"{start:05d}.png"
        first.write_bytes(b"never opened by a plan")
        for index in range(start + 1, start + 1000):
            os.link(first, part / f"{index:05d}.png")


def plan(directory: Path, *arguments: str) -> dict[str, Any]:
    """Plan a run, and return seconds on the clock, of the processor, and the number of jobs."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "8", "--directory", str(directory)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LOHO_BENCH_WEIGHTS": str(directory / "weights")}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    result = subprocess.run([*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.returncode:
        raise SystemExit(result.stdout + result.stderr)
    return {
        "seconds": seconds,
        "processor_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "jobs": int(re.search(r"^total +(\d+)$", result.stdout + result.stderr, re.MULTILINE)[1]),
    }


if __name__ == "__main__":
    typer.run(main)
