"""A table as GitHub Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from loho_bench.reports.tables.model import Cell, Table


def to_markdown(table: Table) -> str:
    """Return the table as GitHub Markdown, columns padded so that the source reads well too."""
    lines = [[_markdown_cell(cell) for cell in row] for row in table.rows]
    header = [text.replace("|", "\\|") for text in table.header]
    widths = [max(3, *(len(line[i]) for line in [header, *lines])) for i in range(len(header))]

    def align(texts: Sequence[str]) -> str:
        padded = (
            text.ljust(width) if i < table.left else text.rjust(width)
            for i, (text, width) in enumerate(zip(texts, widths, strict=True))
        )
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * width if i < table.left else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    body = "\n".join([align(header), align(rule), *map(align, lines)])
    notes = "".join(f"\n{note}\n" for note in table.notes)
    return f"**{table.title}**\n\n{body}\n{notes}"


def _markdown_cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text} {cell.note}".strip().replace("|", "\\|")
