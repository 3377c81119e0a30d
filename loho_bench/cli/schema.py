"""``loho-bench schema``: the JSON schema and the table of all settings, made from their types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(
    form: Annotated[
        Literal["json", "markdown"],
        typer.Option("--format", help="JSON schema, or a page with a table a group."),
    ] = "json",
    out: Annotated[Path | None, typer.Option("--out", help="File to write; the terminal by default.")] = None,
) -> None:
    """Print the JSON schema of the settings, or the page that describes them."""
    from loho_bench.storage import write_text

    text = schema_json() if form == "json" else settings_page()
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(text, out)


def schema_json() -> str:
    """Return the JSON schema of :class:`Settings` as indented text."""
    from loho_bench.settings.project import Settings

    document = {"$schema": _DIALECT, **Settings.model_json_schema()}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def settings_page() -> str:
    """Return ``docs/settings.md``: every setting with its default, its range and its meaning."""
    from loho_bench.methods.catalogue import default_registry
    from loho_bench.settings.project import Settings

    document = Settings.model_json_schema()
    lines = [
        "# Settings",
        "",
        "Made by `loho-bench schema --format markdown`; do not edit by hand. "
        "`config/default.yaml` sets them; `--configfile` and `--config` of Snakemake and `--settings` of "
        "`loho-bench` change them. An unknown key is refused.",
    ]
    lines += _group("Top level", document, document["$defs"])
    for spec in default_registry():
        own = spec.settings.model_json_schema()
        if own["properties"] and not spec.family:
            lines += _group(f"`methods.{spec.name}`", own, own.get("$defs", {}))
    return "\n".join(lines) + "\n"


def _group(title: str, group: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    lines = ["", f"## {title}", ""]
    if title != "Top level":
        lines += [_cell(group["description"]), ""]
    lines += ["| setting | default | allowed | meaning |", "| --- | --- | --- | --- |"]
    nested: list[tuple[str, dict[str, Any]]] = []
    for name, entry in group["properties"].items():
        prefix = "" if title == "Top level" else f"{title.strip('`')}."
        if "$ref" in entry:
            nested.append((f"`{prefix}{name}`", definitions[entry["$ref"].rsplit("/", 1)[-1]]))
            continue
        # A default made by a factory is not in the schema: that of a mapping is an empty one.
        cells = (f"`{name}`", _code(entry.get("default", {})), _allowed(entry), entry.get("description", ""))
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
        # Entries by name: each is a group of its own.
        for value in entry.get("patternProperties", {}).values():
            nested.append((f"`{prefix}{name}.NAME`", definitions[value["$ref"].rsplit("/", 1)[-1]]))
    for name, definition in nested:
        lines += _group(name, definition, definitions)
    return lines


def _cell(text: str) -> str:
    """Return docstring text as one line of Markdown."""
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


def _code(value: Any) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _allowed(entry: dict[str, Any]) -> str:
    """Return the range of a setting in words, from its JSON schema."""
    if "enum" in entry:
        return ", ".join(_code(choice) for choice in entry["enum"])
    if "anyOf" in entry:
        return " or ".join(_allowed(choice) for choice in entry["anyOf"])
    if "const" in entry:
        return _code(entry["const"])
    if entry.get("type") == "array":
        return f"list of: {_allowed(entry['items'])}" if "items" in entry else "list"
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {entry[key]:g}" for key, sign in signs.items() if key in entry]
    if "multipleOf" in entry:
        limits.append(f"a multiple of {entry['multipleOf']:g}")
    names = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
    return " ".join([names.get(entry.get("type", ""), "mapping"), ", ".join(limits)]).strip()
