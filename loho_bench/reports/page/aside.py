"""What is not in the averages: portraits that were set aside and transfers that failed, with reasons."""

from __future__ import annotations

from collections.abc import Sequence

from loho_bench.reports.page.gallery import Shown
from loho_bench.reports.run import Run


def rejected_portraits(run: Run) -> list[dict[str, str]]:
    """Return portraits that were set aside, by either stage, with the reason: also those without any hair."""
    found = []
    for stage, table in (("portraits", run.inputs.portraits), ("annotation", run.inputs.annotations)):
        remarked = table["reason"].fillna("") != ""
        for portrait, row in table[(table["status"] != "ok") | remarked].iterrows():
            found.append({"portrait": str(portrait), "stage": stage, "reason": str(row["reason"])})
    return found


def failures(run: Run, methods: Sequence[Shown]) -> list[dict[str, str]]:
    """Return every tuple that a method did not finish, with the reason."""
    found = []
    for method in methods:
        rows = run.results(method.name)
        for _, row in rows[rows["status"] != "ok"].iterrows():
            found.append({"tuple": row["tuple_id"], "method": method.label, "reason": str(row["reason"])})
    return found
