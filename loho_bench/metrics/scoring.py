"""From the results of one method to tidy scores: a row for every tuple and score, failed ones included."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from loho_bench.metrics.judging import Case, Judges
from loho_bench.metrics.scores import SCORES, Score
from loho_bench.metrics.scoring_inputs import RunInputs, load_inputs, load_result, read_results
from loho_bench.progress import track
from loho_bench.settings.project import Settings
from loho_bench.storage import write_table

_FROM_RESULTS = ("resolution", "seed", "precision", "settings_hash", "weights_hash", "device")


def score_method(
    method: str,
    settings: Settings,
    out: str | Path | None = None,
    *,
    root: str | Path = ".",
    judges: Judges | None = None,
) -> pd.DataFrame:
    """Score every tuple of ``method`` and write ``scores/METHOD.parquet``.

    Returns
    -------
    DataFrame
        Columns tuple_id, method, category, metric, against, value, unit, status ("ok" or "failed"),
        reason, protocol, resolution, seed, precision, settings_hash, weights_hash, device. The value of a
        failed row is NaN.

    Raises
    ------
    UserError
        Tables of the run are missing or broken, or the method has no results.
    """
    inputs = load_inputs(settings.transfer.resolution, root)
    judges = judges or Judges.of(settings)
    results = read_results(inputs, method)
    rows: list[dict[str, object]] = []
    for _, row in track(results.iterrows(), f"scoring {method}", total=len(results)):
        rows += _score_tuple(row, inputs, judges)
    table = pd.DataFrame(rows)
    write_table(table, Path(out) if out else inputs.root / "scores" / f"{method}.parquet")
    return table


def _score_tuple(row: pd.Series, inputs: RunInputs, judges: Judges) -> list[dict[str, object]]:
    case = None
    if row["status"] == "ok":
        case = Case(row, inputs, judges, load_result(inputs.root / row["portrait"]))
    scores = [score for score in SCORES if score.applies(row["category"], inputs.synthetic)]
    rows = [(score, _score_row(score, row, case)) for score in scores]
    return [found for score, found in rows if found["status"] == "ok" or not (case and score.optional)]


def _score_row(score: Score, row: pd.Series, case: Case | None) -> dict[str, object]:
    value = score.measure(case) if case else float("nan")
    reason = "" if not math.isnan(value) else score.missing if case else str(row["reason"])
    return {
        "tuple_id": row["tuple_id"],
        "method": row["method"],
        "category": row["category"],
        "metric": score.metric.name,
        "against": score.against,
        "value": value,
        "unit": score.metric.unit,
        "status": "failed" if math.isnan(value) else "ok",
        "reason": reason,
        "protocol": score.protocol,
        **{name: row.get(name) for name in _FROM_RESULTS},
    }
