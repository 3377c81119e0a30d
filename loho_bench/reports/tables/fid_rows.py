"""``fid.csv``: FID and KID of every method by category, of full frames and of hair and face only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from loho_bench.annotation.choice import choose_device
from loho_bench.metrics import inception
from loho_bench.metrics.feature_set import FeatureSet
from loho_bench.metrics.fid import Extractor, fid
from loho_bench.metrics.set_statistics import bootstrap_fid, bootstrap_kid
from loho_bench.metrics.statistics import Interval
from loho_bench.reports.features import READINGS, choose_extractor, reference_features, result_features
from loho_bench.reports.run import CATEGORIES, OVERALL, Run
from loho_bench.reports.tables.formats import interval_columns
from loho_bench.storage import read_table, write_table
from loho_bench.weights.needs import EMBEDDED

NOT_COMPARABLE = "not comparable with FFHQ numbers"
COMPARABLE = "comparable with numbers of the same mode, reference portraits and n"
RESAMPLES = 500
_FROM_RESULTS = ("precision", "settings_hash", "weights_hash")


def write_fid(
    run: Run, methods: Sequence[str], out: str | Path, *, extractor: Extractor | None = None
) -> pd.DataFrame:
    """Compute FID and KID of every method and write them, a row for each method, reading and category.

    Parameters
    ----------
    extractor : optional
        That which the settings name where left out.

    Raises
    ------
    UserError
        Files of a network are missing, or a method has no results.
    """
    extractor = extractor or choose_extractor(run.settings, choose_device())
    rows = []
    for reading in READINGS:
        reference = reference_features(run, extractor, reading)
        for method in methods:
            ids, features = result_features(run, method, extractor, reference)
            rows += [
                _row(run, method, category, ids, features, reference) for category in (OVERALL, *CATEGORIES)
            ]
    table = pd.DataFrame(rows)
    write_table(table, out)
    return table


def _row(
    run: Run, method: str, category: str, ids: list[str], features: FeatureSet, reference: FeatureSet
) -> dict[str, object]:
    asked = run.transfers if category == OVERALL else run.of_category(category)
    wanted = set(asked["tuple_id"])
    chosen = features.subset(np.array([name in wanted for name in ids], dtype=bool))
    failed = len(wanted) - len(chosen.features)
    row = fid(chosen, reference)
    distance, kernel = _intervals(run, method, category, chosen, reference, failed)
    return {
        "method": method,
        "reading": row["reading"],
        "category": category,
        **interval_columns(distance, "fid"),
        **interval_columns(kernel, "kid"),
        "confidence": run.settings.reports.confidence,
        "kid_error": row["kid_error"],
        "n": row["n"],
        "failed": failed,
        "n_reference": row["n_reference"],
        "reference": "all eligible portraits of the run",
        **{name: row[name] for name in ("features", "extractor", "protocol", "resolution")},
        "seed": run.settings.seed,
        **{name: run.provenance([method], name) for name in _FROM_RESULTS},
        "comparable": comparability(run, chosen.extractor),
        "caution": row["caution"],
    }


def _intervals(
    run: Run, method: str, category: str, chosen: FeatureSet, reference: FeatureSet, failed: int
) -> tuple[Interval, Interval]:
    """FID and KID, each with its interval."""
    n, reports = len(chosen.features), run.settings.reports
    if min(n, len(reference.features)) < 2:
        return Interval.unknown(n, failed), Interval.unknown(n, failed)
    how = {
        "failed": failed,
        "confidence": reports.confidence,
        "resamples": min(RESAMPLES, reports.bootstrap),
    }
    seeds = {name: run.seed(name, method, chosen.reading, category) for name in ("fid", "kid")}
    return (
        bootstrap_fid(chosen.features, reference.gaussian, seed=seeds["fid"], **how),
        bootstrap_kid(chosen.kernel, reference.kernel, seed=seeds["kid"], **how),
    )


def comparability(run: Run, extractor: str) -> str:
    """Say what made the numbers of the run and whether they can stand beside published ones."""
    published = extractor.startswith(inception.NAME)
    if run.inputs.synthetic:
        portraits = "synthetic portraits"
    elif run.settings.networks.generator == EMBEDDED:
        portraits = "a generator that has only seen drawings"
    else:
        portraits = "photographs"
    judged = COMPARABLE if published and run.photographic else NOT_COMPARABLE
    return f"{'published' if published else 'embedded'} extractor, {portraits}: {judged}"


def read_fid(path: str | Path) -> pd.DataFrame:
    """Read a table that :func:`write_fid` wrote."""
    return read_table(path).fillna({"caution": "", **dict.fromkeys(_FROM_RESULTS, "")})


def fid_interval(
    table: pd.DataFrame, method: str, reading: str, category: str, metric: str = "fid"
) -> Interval:
    """Return one FID (or KID) of the table as an interval; without a value where the table lacks it."""
    found = table[
        (table["method"] == method) & (table["reading"] == reading) & (table["category"] == category)
    ]
    if found.empty:
        return Interval.unknown()
    row = found.iloc[0]
    ends = (row[metric], row[f"{metric}_low"], row[f"{metric}_high"])
    return Interval(*map(float, ends), int(row["n"]), int(row["failed"]), float(row["confidence"]))
