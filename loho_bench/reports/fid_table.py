"""``reports/fid.csv``: FID and KID of every method by category, of full frames and of hair and face only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from loho_bench.annotation.choice import choose_device, choose_parser
from loho_bench.methods.protocol import Parser
from loho_bench.metrics import inception
from loho_bench.metrics.feature_set import FeatureSet
from loho_bench.metrics.fid import Extractor, fid
from loho_bench.metrics.statistics import Interval, bootstrap_fid
from loho_bench.reports.features import (
    READINGS,
    answer_features,
    choose_extractor,
    reference_features,
    result_features,
)
from loho_bench.reports.formats import Cell, Table, counts, decimals, interval_cells, number
from loho_bench.reports.run import CATEGORIES, OVERALL, Run, method_label, open_run
from loho_bench.settings.project import Settings
from loho_bench.storage import read_table, write_table
from loho_bench.weights.needs import EMBEDDED

TRUE_ANSWER = "true-answer"
NOT_COMPARABLE = "not comparable with FFHQ numbers"
COMPARABLE = "comparable with numbers of the same mode, reference portraits and n"
FLOOR = " The true answer's row is what a perfect transfer of the same tuples would get."
FID_RESAMPLES = 500


def write_fid(
    settings: Settings,
    out: str | Path = "reports/fid.csv",
    *,
    root: str | Path = ".",
    extractor: Extractor | None = None,
    parser: Parser | None = None,
) -> pd.DataFrame:
    """Compute every FID of the run and write them, a row for each method, reading and category.

    Parameters
    ----------
    extractor, parser : optional
        Those that the settings name where left out.

    Raises
    ------
    UserError
        Files of these networks are missing, or a method of ``settings.reports.methods`` has no results.
    """
    run = open_run(settings, root)
    extractor = extractor or choose_extractor(settings, choose_device())
    parser = parser or choose_parser(settings)
    asked = run.transfers
    answers = [run.inputs.true_answer(row) for _, row in asked.iterrows()] if run.inputs.synthetic else []
    rows = []
    for reading in READINGS:
        reference = reference_features(run, extractor, reading)
        if answers:
            features = answer_features(answers, extractor, reading)
            rows += _rows(run, TRUE_ANSWER, asked["tuple_id"].tolist(), features, reference)
        for method in settings.reports.methods:
            ids, features = result_features(run, method, extractor, parser, reference)
            rows += _rows(run, method, ids, features, reference)
    table = pd.DataFrame(rows)
    write_table(table, out)
    return table


def _rows(run: Run, method: str, ids: list[str], features: FeatureSet, reference: FeatureSet) -> list[dict]:
    return [_row(run, method, category, ids, features, reference) for category in (OVERALL, *CATEGORIES)]


def _row(
    run: Run, method: str, category: str, ids: list[str], features: FeatureSet, reference: FeatureSet
) -> dict[str, object]:
    asked = run.transfers
    if category != OVERALL:
        asked = asked[asked["category"] == category]
    wanted = set(asked["tuple_id"])
    chosen = features.subset(np.array([name in wanted for name in ids], dtype=bool))
    failed = len(wanted) - len(chosen.features)
    row = fid(chosen, reference)
    interval = Interval(float("nan"), float("nan"), float("nan"), len(chosen.features), failed)
    if min(len(chosen.features), len(reference.features)) >= 2:
        interval = bootstrap_fid(
            chosen.features,
            reference.features,
            seed=run.seed("fid", method, chosen.reading, category),
            failed=failed,
            confidence=run.settings.reports.confidence,
            resamples=min(FID_RESAMPLES, run.settings.reports.bootstrap),
        )
    own = [] if method == TRUE_ANSWER else [method]
    return {
        "method": method,
        "reading": row["reading"],
        "category": category,
        "fid": row["fid"],
        "low": interval.low,
        "high": interval.high,
        "confidence": interval.confidence,
        "kid": row["kid"],
        "kid_error": row["kid_error"],
        "n": row["n"],
        "failed": failed,
        "n_reference": row["n_reference"],
        "reference": "all eligible portraits of the run",
        "features": row["features"],
        "extractor": row["extractor"],
        "protocol": row["protocol"],
        "resolution": row["resolution"],
        "seed": run.settings.seed,
        "precision": run.provenance(own, "precision") if own else "",
        "settings_hash": run.provenance(own, "settings_hash") if own else "",
        "weights_hash": run.provenance(own, "weights_hash") if own else "",
        "comparable": comparability(run, chosen.extractor),
        "caution": row["caution"],
    }


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
    return read_table(path).fillna({"caution": "", "precision": "", "settings_hash": "", "weights_hash": ""})


def fid_interval(table: pd.DataFrame, method: str, reading: str, category: str) -> Interval:
    """Return one FID of the table as an interval; without a value where the table lacks it."""
    found = table[
        (table["method"] == method) & (table["reading"] == reading) & (table["category"] == category)
    ]
    if found.empty:
        return Interval(float("nan"), float("nan"), float("nan"), 0, 0)
    row = found.iloc[0]
    return Interval(row["fid"], row["low"], row["high"], int(row["n"]), int(row["failed"]), row["confidence"])


def _kid_cells(table: pd.DataFrame, methods: Sequence[str], reading: str) -> list[Cell]:
    """Overall KID of the methods in thousandths, each with its standard error."""
    overall = table[(table["reading"] == reading) & (table["category"] == OVERALL)].set_index("method")
    thousandths = 1000 * overall.loc[list(methods), ["kid", "kid_error"]]
    digits = decimals(thousandths["kid"])
    return [
        Cell(number(value, digits), "" if np.isnan(error) else f"± {number(error, digits)}")
        for value, error in thousandths.itertuples(index=False)
    ]


def fid_display(table: pd.DataFrame, reading: str) -> Table:
    """Return the table of one reading for readers: methods down, categories across, the true answer last."""
    methods = [name for name in table["method"].unique() if name != TRUE_ANSWER]
    categories = (OVERALL, *CATEGORIES)
    columns = [
        interval_cells([fid_interval(table, m, reading, c) for m in methods], False) for c in categories
    ]
    columns.append(_kid_cells(table, methods, reading))
    rows = [
        (
            Cell(method_label(method)),
            *(column[i] for column in columns),
            Cell(counts([fid_interval(table, method, reading, OVERALL)])),
        )
        for i, method in enumerate(methods)
    ]
    if TRUE_ANSWER in set(table["method"]):
        intervals = [fid_interval(table, TRUE_ANSWER, reading, category) for category in categories]
        cells = [interval_cells([interval])[0] for interval in intervals]
        cells += _kid_cells(table, [TRUE_ANSWER], reading)
        rows.append((Cell("True answer", "(a perfect transfer)"), *cells, Cell(counts(intervals[:1]))))
    first = table.iloc[0]
    shown = {c: counts([fid_interval(table, m, reading, c) for m in methods]) for c in categories}
    headings = (f"{category.capitalize()} (n = {n})" for category, n in shown.items())
    return Table(
        name=f"fid-{reading}",
        title=f"FID and KID, {'full frame' if reading == 'full' else 'hair and face only (LOHO-HF)'} ↓",
        header=("Method", *headings, "KID × 1000", "n"),
        rows=tuple(rows),
        data=table[table["reading"] == reading],
        notes=(
            f"Extractor {first['extractor']} ({first['features']} features), resizing '{first['protocol']}', "
            f"{first['resolution']} px, {first['n_reference']} reference portraits "
            f"({first['reference']}). This is the {first['comparable']}.",
            "With few images FID is biased upwards, and more so in a category than overall: compare down a "
            "column only. KID, here overall, is not biased; ± is its standard error over images."
            + (FLOOR if TRUE_ANSWER in set(table["method"]) else ""),
        ),
    )
