"""What another program left behind: pictures, which may be anything, and what its run has cost."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from loho_bench.methods.external.exchange import NAMES, TIMES, TRIPLES
from loho_bench.portraits.images import RejectedImage, decode_rgb, reject

_OWN_FILES = frozenset({TRIPLES, NAMES, TIMES})


@dataclass(frozen=True)
class Run:
    """How the program fared with one tuple, as far as that was recorded; seconds are wall-clock."""

    seconds: float | None = None
    exit_code: str = ""


def read_result(path: Path, size: int) -> np.ndarray:
    """Read a result, ``[size, size, 3] uint8`` RGB.

    Raises
    ------
    RejectedImage
        The file is missing, no image or truncated, or its picture is not RGB or has another size.
    """

    def check_size(path: Path, width: int, height: int) -> None:
        if (width, height) != (size, size):
            raise reject(path, f"it has {width}x{height} pixels instead of {size}x{size}")

    if not path.is_file():
        raise reject(path, f"no file {path.name} was written")
    pixels = decode_rgb(path, check_size)
    with Image.open(path) as image:
        if image.mode != "RGB":
            raise reject(path, f"its pixels are {image.mode}, not RGB with 8 bits a channel")
    return pixels


def reason_of(rejection: RejectedImage, run: Run) -> str:
    """Say in one line why a tuple has no result."""
    ended = f" (the program ended with exit code {run.exit_code})" if run.exit_code not in ("", "0") else ""
    return f"{rejection.cause}{ended}"


def unexpected_files(folder: Path, expected: set[str]) -> list[str]:
    """Return the names of the files in ``folder``, but hidden ones, that are no result of any tuple."""
    known = expected | _OWN_FILES
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".") and path.name not in known
    )


def read_times(folder: Path) -> tuple[dict[str, Run], list[str]]:
    """Read ``times.tsv`` of a folder, where there is one: the runs by tuple id, and lines that say nothing.

    A line is a tuple id, start and end in seconds since any moment, and, if it is there, the exit code. Of
    several lines about a tuple the last counts.
    """
    path, runs, broken = folder / TIMES, {}, []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    for line in lines:
        words = line.split("\t")
        try:
            seconds = float(words[2]) - float(words[1])
        except (IndexError, ValueError):
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            broken.append(line)
            continue
        runs[words[0]] = Run(seconds, words[3] if len(words) > 3 else "")
    return runs, broken


def read_benchmark(path: Path | None) -> dict[str, float]:
    """Read "seconds" and "peak_memory_mb" of a whole job from Snakemake's benchmark, what there is of it."""
    if path is None or not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    found = {}
    for name, column in (("seconds", "s"), ("peak_memory_mb", "max_rss")):
        try:
            found[name] = float(rows[-1][column])
        except (IndexError, KeyError, TypeError, ValueError):
            continue  # Snakemake writes "NA" or "-" for what it could not measure.
    return {name: value for name, value in found.items() if math.isfinite(value)}
