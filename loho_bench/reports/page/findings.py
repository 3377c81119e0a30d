"""The head of the page: how many portraits and tuples there were, and what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loho_bench.metrics.statistics import Interval
from loho_bench.reports.leaderboard import Column, Entry, Leaderboard
from loho_bench.reports.page.board import RANKED, finished
from loho_bench.reports.run import OVERALL, Run
from loho_bench.reports.tables.ablation import NO_GO, UNBLENDED, score_against
from loho_bench.reports.tables.formats import decimals, interval_note, number
from loho_bench.reports.tables.paired import BASE

_BOUNDS = {"ceiling": "what no method can beat", "floor": "what any method should beat"}


@dataclass(frozen=True)
class Finding:
    """One result at the head of the page: what it is about, the number, its interval, and what it means."""

    about: str
    value: str
    interval: str
    meaning: str


def counts(run: Run) -> dict[str, int]:
    """Return how many portraits, pairs and tuples there were at each step."""
    portraits, annotations = run.inputs.portraits, run.inputs.annotations
    usable = annotations[annotations["status"] == "ok"]
    return {
        "portraits": len(portraits),
        "annotated": len(usable),
        "eligible": int((usable["hair_fraction"] >= run.settings.tuples.minimum_hair_fraction).sum()),
        "pairs": int(run.census["eligible_pairs"].sum()),
        "transfers": len(run.transfers),
    }


def findings(run: Run, leaderboard: Leaderboard) -> list[Finding]:
    """Return the first results: who leads, what bounds the methods, what GO gains, what did not finish."""
    overall = [entry for entry in leaderboard.entries if entry.category == OVERALL]
    by = next(column for column in leaderboard.columns if column.key == leaderboard.sorted_by)
    methods = [entry for entry in overall if entry.role == RANKED]
    found = _ranking([entry for entry in methods if entry.rank is not None], by)
    found += [
        _finding(f"{entry.label} ({entry.role})", entry.values[by.key], by.unit, _BOUNDS[entry.role])
        for entry in overall
        if entry.role in _BOUNDS and entry.rank is not None
    ]
    if {BASE, NO_GO} <= {entry.method for entry in methods}:
        found.append(_gain(run))
    return [*found, _completion([entry for entry in overall if entry.role != "ceiling"])]


def _ranking(ranked: Sequence[Entry], by: Column) -> list[Finding]:
    if not ranked:
        return []
    first = ranked[0]
    if len(ranked) == 1:
        return [_finding(f"{by.label}: {first.label}", first.values[by.key], by.unit, "the only method here")]
    second = ranked[1]
    one, two = first.values[by.key], second.values[by.key]
    overlap = one.low <= two.high and two.low <= one.high
    follows = _finding("", two, by.unit, "")
    meaning = f"first of {len(ranked)} methods, before {second.label} with {follows.value} {follows.interval}"
    return [
        _finding(
            f"{by.label}: {first.label}",
            one,
            by.unit,
            meaning + ("; the intervals overlap" if overlap else ""),
        )
    ]


def _gain(run: Run) -> Finding:
    """The paper's claim about gradient orthogonalization, on the same tuples."""
    gain = run.difference(BASE, NO_GO, score_against("hair_iou", UNBLENDED))
    meaning = f"{run.label(BASE)} minus {run.label(NO_GO)}, on the {gain.n} tuples that both finished"
    return _finding("Hair IoU gained by gradient orthogonalization", gain, "", meaning)


def _completion(entries: Sequence[Entry]) -> Finding:
    counted = [finished(entry) for entry in entries]
    done, asked = sum(n for n, _ in counted), sum(n for _, n in counted)
    lost = f"{asked - done:,} failed: counted in every table, listed below with reasons"
    return Finding(
        "Transfers finished", f"{done:,} of {asked:,}", "", lost if done < asked else "none failed"
    )


def _finding(about: str, interval: Interval, unit: str, meaning: str) -> Finding:
    digits = decimals([interval.value])
    value = number(interval.value, digits) + (f" {unit}" if unit else "")
    return Finding(about, value, interval_note(interval, digits), meaning)
