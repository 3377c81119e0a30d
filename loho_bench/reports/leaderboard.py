"""Every method in every category, in order: what the page sorts and filters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import pandas as pd

from loho_bench.metrics.scores import Score
from loho_bench.metrics.spec import MetricSpec, get_metric
from loho_bench.metrics.statistics import Interval
from loho_bench.reports.run import CATEGORIES, OVERALL, Run
from loho_bench.reports.tables.fid_rows import fid_interval
from loho_bench.reports.tables.scores import transfer_costs, transfer_scores

_BY_ANSWER = (
    "Ranked by {label}: how far a result is from what a perfect transfer of the same tuples would look like. "
    "Face and background count too: what copies the identity's pixels begins ahead of what draws them anew. "
    "FID beside it, the paper's measure, knows neither tuples nor answers."
)
_BY_FID = (
    "Ranked by {label}: these portraits have no true answer, so what is ranked is how real results look as a "
    "set, not whether the right hair was transferred."
)
_NOTE = (
    " Floor and ceiling are ranked like methods, and marked: the one is what any method should beat, the "
    "other what none can. A method with failures is ranked by the tuples that it finished; its failures are "
    "counted."
)


@dataclass(frozen=True)
class Column:
    """One number of the leaderboard; ``protocol`` says in a sentence how it is computed."""

    key: str
    label: str
    unit: str
    higher_is_better: bool | None
    protocol: str


@dataclass(frozen=True)
class Entry:
    """One method in one category.

    ``values`` are by column. ``rank`` is None where the ranking value is unknown; equal values share a rank.
    """

    method: str
    label: str
    role: str
    category: str
    values: dict[str, Interval]
    rank: int | None


@dataclass(frozen=True)
class Leaderboard:
    """Entries by category, overall first, each in the order of its ranks.

    ``sorted_by`` is the key of the ranking column; ``note`` states the rule.
    """

    columns: tuple[Column, ...]
    entries: tuple[Entry, ...]
    sorted_by: str
    note: str


@dataclass(frozen=True)
class _SetColumn:
    """A column of ``fid.csv``: a metric of a whole set, of one reading."""

    key: str
    metric: str
    reading: str
    of: str
    times: int = 1

    def column(self) -> Column:
        spec = get_metric(self.of)
        label = spec.label if self.metric == "fid" else f"{spec.label} × {self.times}, {_READS[self.reading]}"
        return _column(self.key, label, spec, spec.protocol)

    def interval(self, fid_rows: pd.DataFrame, method: str, category: str) -> Interval:
        return fid_interval(fid_rows, method, self.reading, category, self.metric).times(self.times)


_READS = {"full": "full frame", "hair+face": "hair and face"}
_SETS = (
    _SetColumn("fid", "fid", "full", "fid"),
    _SetColumn("fid-hair-face", "fid", "hair+face", "fid_hair_face"),
    _SetColumn("kid", "kid", "full", "kid", times=1000),
    _SetColumn("kid-hair-face", "kid", "hair+face", "kid", times=1000),
)


def leaderboard(run: Run, fid_rows: pd.DataFrame, methods: Sequence[str]) -> Leaderboard:
    """Rank ``methods`` by LPIPS to the true answer where there is one, else by FID; category by category."""
    scores = {score_key(score): score for score in (*transfer_scores(run), *transfer_costs(run))}
    sets = {one.key: one for one in _SETS}
    columns = {key: one.column() for key, one in sets.items()}
    columns |= {key: _score_column(key, score) for key, score in scores.items()}
    # To the true answer first: what the ranking goes by stands beside the names.
    ranking = next((key for key, s in scores.items() if s.metric.name == "lpips" and s.needs_answer), "fid")
    entries: list[Entry] = []
    for category in (OVERALL, *CATEGORIES):
        found = []
        for method in methods:
            values = {key: one.interval(fid_rows, method, category) for key, one in sets.items()}
            values |= {key: run.summary(method, score, category) for key, score in scores.items()}
            spec = run.spec(method)
            found.append(Entry(method, spec.label, spec.role, category, values, None))
        entries += _ranked(found, columns[ranking])
    rule = _BY_FID if ranking in sets else _BY_ANSWER
    ordered = sorted(columns, key=lambda key: key != ranking)
    note = rule.format(label=columns[ranking].label) + _NOTE
    return Leaderboard(tuple(columns[key] for key in ordered), tuple(entries), ranking, note)


def score_key(score: Score) -> str:
    """Return the key of a score's column: its metric and what the result is compared with."""
    words = "-".join((score.metric.name, *score.against.replace(",", "").split()))
    return words.replace("_", "-")


def _score_column(key: str, score: Score) -> Column:
    label = f"{score.label}, to the true answer" if score.needs_answer else score.label
    return _column(key, label, score.metric, score.protocol)


def _column(key: str, label: str, metric: MetricSpec, protocol: str) -> Column:
    return Column(key, label, metric.unit, metric.higher_is_better, protocol)


def _ranked(entries: Sequence[Entry], by: Column) -> list[Entry]:
    """Best first; those without a value last, unranked, in the order of the settings."""
    sign = -1 if by.higher_is_better else 1
    known = [entry for entry in entries if not math.isnan(entry.values[by.key].value)]
    known.sort(key=lambda entry: sign * entry.values[by.key].value)
    ranked: list[Entry] = []
    for _, equal in groupby(known, key=lambda entry: entry.values[by.key].value):
        rank = len(ranked) + 1
        ranked += [replace(entry, rank=rank) for entry in equal]
    return ranked + [entry for entry in entries if entry not in known]
