"""``loho-bench methods``: the methods that there are, and what they are scored by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from loho_bench.cli.options import SettingsOption

if TYPE_CHECKING:
    from loho_bench.methods.registry import Registry


def methods(
    settings: SettingsOption = None,
    form: Annotated[
        Literal["text", "markdown"],
        typer.Option("--format", help="A line a method, or a page that tells all of methods and scores."),
    ] = "text",
    out: Annotated[Path | None, typer.Option("--out", help="File to write; the terminal by default.")] = None,
) -> None:
    """List the methods that there are: this package's, and those that the settings bring from outside."""
    from loho_bench.methods.catalogue import registry_for
    from loho_bench.settings.loading import load_settings
    from loho_bench.storage import write_text

    registry = registry_for(load_settings(settings))
    text = methods_page(registry) if form == "markdown" else _lines(registry)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(text, out)


def methods_page(registry: Registry) -> str:
    """Return ``docs/methods.md``: every method, metric and score as they are declared."""
    from loho_bench.metrics.scores import SCORES
    from loho_bench.metrics.spec import METRICS

    methods = [
        (
            f"`{s.name}`",
            s.label,
            _role(s.role),
            s.description,
            ", ".join(s.needs),
            ", ".join(s.tasks),
            s.version,
            s.citation,
        )
        for s in registry
    ]
    metrics = [
        (
            f"`{m.name}`",
            m.label,
            m.arrow or "a range",
            m.unit,
            m.protocol,
            ", ".join(m.needs),
            m.version,
            m.citation,
        )
        for m in METRICS
    ]
    scores = [
        (f"`{s.metric.name}`", s.against or "–", f"{s.label} {s.metric.arrow}".strip(), s.task, s.protocol)
        for s in SCORES
    ]
    return "\n".join(
        [
            "# Methods, metrics and scores",
            "",
            "Made by `loho-bench methods --format markdown` from their declarations; do not edit by hand. "
            "Tables, figures, the page and the workflow iterate over the same declarations. A name that is "
            "taken is refused, a misspelt one is answered with the nearest.",
            "",
            "## Methods",
            "",
            "Networks are named by their job in the settings `networks`. `answer` is the true answer, which "
            "only synthetic portraits have. [Add a baseline](add-a-baseline.md) says how a method from "
            "outside joins them.",
            "",
            *_table(("name", "label", "role", "what it does", "needs", "tasks", "version", "whose"), methods),
            "",
            "## Metrics",
            "",
            *_table(("name", "label", "better", "unit", "how", "needs", "version", "whose"), metrics),
            "",
            "## Scores",
            "",
            "A score is a metric of one result against something. Rows of `scores/METHOD.parquet` name both.",
            "",
            *_table(("metric", "against", "label", "task", "how"), scores),
            "",
        ]
    )


def _lines(registry: Registry) -> str:
    return "".join(f"{spec.name:<20} {spec.description}\n" for spec in registry)


def _role(role: str) -> str:
    return "" if role == "method" else role


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = [header, ("---",) * len(header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
