"""Where the numbers come from: what one needs to judge them, and to make them again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import loho_bench
from loho_bench.provenance import checkout_commit
from loho_bench.reports.page.gallery import Shown
from loho_bench.reports.run import Run
from loho_bench.settings.project import NetworkSettings
from loho_bench.weights.embedded import NAMES
from loho_bench.weights.needs import EMBEDDED

NOT_RECORDED = "not recorded"
_COLUMNS = (
    ("settings", "settings_hash"),
    ("weights", "weights_hash"),
    ("precision", "precision"),
    ("machine", "device"),
    ("finished", "finished"),
)


@dataclass(frozen=True)
class Fact:
    """One thing to know about the run."""

    name: str
    value: str


def facts(run: Run, fid_rows: pd.DataFrame, methods: Sequence[Shown]) -> list[Fact]:
    """Return what one needs to judge or repeat the numbers; the page never looks at the clock."""
    first, names = fid_rows.iloc[0], [method.name for method in methods]
    source = "synthetic, drawn by the renderer" if run.inputs.synthetic else "a folder of photographs"
    finished = run.provenance(names, "finished")
    extractor = f"{first['extractor']}, {first['features']} features, resizing '{first['protocol']}'"
    seed = f"{run.settings.seed}; every other seed is derived from it and from names of tuples and methods"
    commit = checkout_commit(Path(loho_bench.__file__).parents[1])
    found = [
        ("Date", "" if finished == NOT_RECORDED else max(finished.split(", "))),
        ("Portraits", source),
        ("Networks", _networks(run.settings.networks)),
        ("Resolution", f"{run.settings.transfer.resolution} px"),
        ("Run seed", seed),
        ("Machine", run.provenance(names, "device")),
        ("Precision", run.provenance(names, "precision")),
        ("FID extractor", extractor),
        ("Intervals", f"{run.settings.reports.confidence:.0%}, bootstrap over tuples"),
        ("Versions", _versions(run.provenance(names, "versions"))),
        ("Checkout", f"commit {commit}, when this page was written" if commit else ""),
    ]
    return [Fact(name, value) for name, value in found if value]


def sources(run: Run, methods: Sequence[Shown]) -> list[dict[str, str]]:
    """Return for each method what computed its results: hashes, precision, machine and date."""
    return [
        {
            "method": method.label,
            **{heading: run.provenance([method.name], column) for heading, column in _COLUMNS},
        }
        for method in methods
    ]


def settings_to_rerun(run: Run) -> dict[str, object]:
    """Return the settings such that, read again, they give this run."""
    full = run.settings.model_dump(mode="json")
    # A default of a family written out would contradict the variants that differ from it.
    families = {spec.family for spec in run.registry if hasattr(run.settings, spec.family)}
    groups = {family: getattr(run.settings, family) for family in sorted(families)}
    return full | {name: group.model_dump(mode="json", exclude_unset=True) for name, group in groups.items()}


def _networks(chosen: NetworkSettings) -> str:
    """Say which network did which job; the one word "embedded" where all came with the package."""
    jobs = {job: getattr(chosen, job) for job in NAMES}
    if set(jobs.values()) == {EMBEDDED}:
        return EMBEDDED
    return ", ".join(f"{job} {network}" for job, network in jobs.items())


def _versions(text: str) -> str:
    try:
        return ", ".join(f"{name} {version}" for name, version in sorted(json.loads(text).items()))
    except (json.JSONDecodeError, AttributeError):
        return text
