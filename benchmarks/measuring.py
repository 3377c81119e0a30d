"""What the benchmarks share: the machine they ran on, medians, peak memory, results for programs."""

from __future__ import annotations

import datetime
import json
import os
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Return what a figure must be read with: device, threads, versions and date."""
    import torch

    from loho_bench.annotation.choice import choose_device
    from loho_bench.methods.resources import describe_device

    return {
        "device": describe_device(choose_device()),
        "threads": torch.get_num_threads(),
        "processors": os.cpu_count(),
        "torch": torch.__version__,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def median_seconds(function: Callable[[], Any], repeats: int, warmup: int = 1) -> float:
    """Return the median time of ``repeats`` calls, after ``warmup`` calls that do not count."""
    import torch

    seconds = []
    for call in range(warmup + repeats):
        started = time.perf_counter()
        function()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        if call >= warmup:
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def peak_rss_gb() -> float:
    """Return the largest resident memory of this process so far, in 10^9 bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Not that of getrusage, which a process inherits from the one that started it.
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 2**10 / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9  # bytes on macOS


def write_json(path: str | Path | None, values: dict[str, Any]) -> None:
    """Print ``values``, and write them where a path is given."""
    text = json.dumps(values, indent=2)
    print(text)
    if path is not None:
        Path(path).write_text(text + "\n", encoding="utf-8")
