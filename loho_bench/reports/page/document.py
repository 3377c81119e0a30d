"""The page as a whole: what its templates show, gathered and rendered."""

from __future__ import annotations

import json
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

import loho_bench
from loho_bench.reports.content import Report
from loho_bench.reports.page.aside import failures, rejected_portraits
from loho_bench.reports.page.board import board_groups
from loho_bench.reports.page.facts import facts, settings_to_rerun, sources
from loho_bench.reports.page.findings import counts, findings
from loho_bench.reports.page.gallery import Shown, gallery
from loho_bench.reports.page.inlining import figure_uri, inline_json
from loho_bench.reports.page.traces import POINTS, traces
from loho_bench.reports.paper import CITATION
from loho_bench.reports.run import CATEGORIES
from loho_bench.storage import write_text

PAPER_TABLES = ("table1", "table2", "table3", "editing")
GALLERY_FIGURE = "transfers"
"""The page's gallery shows more of the same."""


def write_page(report: Report, path: str | Path) -> None:
    """Write the page; equal inputs give equal bytes, for its date is that of the results."""
    environment = Environment(
        loader=PackageLoader("loho_bench.reports.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"inline_json": inline_json, "figure_uri": figure_uri}
    write_text(environment.get_template("index.html.j2").render(page_content(report)), path)


def page_content(report: Report) -> dict[str, object]:
    """Return everything that the templates show."""
    run, chosen, leaderboard = report.run, report.selection, report.leaderboard
    shown = {name: Shown(name, run.label(name), run.spec(name).role) for name in chosen.everyone}
    methods, everyone = [shown[name] for name in chosen.methods], list(shown.values())
    tuples = gallery(run, methods)
    return {
        "run": run,
        "version": loho_bench.__version__,
        "methods": [method.label for method in methods if method.role == "method"],
        "confidence": f"{run.settings.reports.confidence:.0%}",
        "counts": counts(run),
        "empty": list(run.census.loc[run.census["eligible_pairs"] == 0, "category"]),
        "comparability": report.fid_rows.iloc[0]["comparable"],
        "findings": findings(run, leaderboard),
        "leaderboard": leaderboard,
        "groups": board_groups(leaderboard),
        "bounded": any(method.role != "method" for method in methods),
        "categories": list(CATEGORIES),
        "gallery": tuples,
        "traces": traces(run, methods, [card.tuple_id for card in tuples.cards]),
        "points": POINTS,
        "rejected": rejected_portraits(run),
        "failures": failures(run, everyone),
        "facts": facts(run, report.fid_rows, everyone),
        "sources": sources(run, everyone),
        "settings": json.dumps(settings_to_rerun(run), indent=2),
        "citation": CITATION,
        "paper_tables": [table for name, table in report.tables.items() if name in PAPER_TABLES],
        "score_tables": [table for name, table in report.tables.items() if name not in PAPER_TABLES],
        "figures": [figure for figure in report.figures if figure.spec.name != GALLERY_FIGURE],
    }
