"""What a transfer costs: time and memory, recorded by the runner and reported like any other score."""

from __future__ import annotations

from loho_bench.metrics.spec import MetricSpec

COSTS: tuple[MetricSpec, ...] = (
    MetricSpec(
        "seconds",
        "Time",
        "s",
        False,
        "mean",
        "Wall-clock seconds of a batch divided by its tuples; other work on the machine lengthens it.",
    ),
    MetricSpec(
        "peak_memory_mb",
        "Peak memory",
        "MiB",
        False,
        "mean",
        "Largest memory that the transferring process held by the end of the tuple's batch.",
    ),
)
