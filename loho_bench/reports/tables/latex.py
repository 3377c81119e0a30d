"""A table as LaTeX, in the style of booktabs: for papers, to be read with ``\\input``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from loho_bench.reports.tables.model import Cell, Table

_SYMBOLS = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "’": "'",
    "“": "``",
    "”": "''",
    "\u00a0": "~",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "∞": r"$\infty$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "‖": r"$\|$",
    "ŵ": r"$\hat{w}$",
    "ʰ": "$^{h}$",
    "²": "$^{2}$",
    "⁺": "$^{+}$",
}
_ANY = re.compile("|".join(map(re.escape, _SYMBOLS)))


def to_latex(table: Table) -> str:
    """Return a floating table that needs the package ``booktabs`` and nothing else.

    Its label is ``tab:NAME``; the notes stand below, in footnote size. Letters outside ASCII are left as they
    are, for LaTeX's UTF-8.
    """
    columns = "l" * table.left + "r" * (len(table.header) - table.left)
    lines = [
        f"% {table.name}: written by loho-bench report; needs \\usepackage{{booktabs}}",
        r"\begin{table}",
        r"\centering",
        f"\\caption{{{escape(table.title)}}}",
        f"\\label{{tab:{table.name}}}",
        f"\\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _row([escape(text) for text in table.header]),
        r"\midrule",
        *(_row([_cell(cell) for cell in row]) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        *(f"\\par\\medskip\\begin{{minipage}}{{\\linewidth}}\\footnotesize {escape(note)}\\end{{minipage}}"
          for note in table.notes),
        r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Return ``text`` such that LaTeX prints it as it is."""
    return _ANY.sub(lambda found: _SYMBOLS[found.group()], text)


def _cell(cell: Cell) -> str:
    text = f"\\textbf{{{escape(cell.text)}}}" if cell.best else escape(cell.text)
    return f"{text} {{\\footnotesize {escape(cell.note)}}}" if cell.note else text


def _row(cells: Sequence[str]) -> str:
    # A bracket that opens a line would be read as the optional argument of the \\ before it.
    return " & ".join("{}" + cell if cell.startswith("[") else cell for cell in cells) + r" \\"
