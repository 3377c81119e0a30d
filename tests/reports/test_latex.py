"""LaTeX without LaTeX: what a compiler would trip over is looked for in the text."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from loho_bench.reports.tables.latex import escape, to_latex
from loho_bench.reports.tables.model import Cell, Table


def test_what_latex_would_read_as_a_command_is_escaped():
    assert escape("a_b & 50% of $x^2 #1 {~} \\x") == (
        r"a\_b \& 50\% of \$x\textasciicircum{}2 \#1 \{\textasciitilde{}\} \textbackslash{}x"
    )
    assert escape("−1 ± ∞ ↑ ↓ ‖w* − ŵ‖ × –") == (
        r"$-$1 $\pm$ $\infty$ $\uparrow$ $\downarrow$ $\|$w* $-$ $\hat{w}$$\|$ $\times$ --"
    )


def test_a_table_row_by_row():
    table = Table(
        name="t",
        title="A & B",
        header=("Method", "IoU ↑"),
        rows=((Cell("a_b"), Cell("0.9", "[0.8, 1.0]", best=True)), (Cell("[c]"), Cell("–"))),
        data=pd.DataFrame(),
        notes=("100 %.",),
    )
    lines = to_latex(table).splitlines()
    assert r"\caption{A \& B}" in lines
    assert r"\begin{tabular}{lr}" in lines
    assert lines[lines.index(r"\midrule") + 1 : lines.index(r"\bottomrule")] == [
        r"a\_b & \textbf{0.9} {\footnotesize [0.8, 1.0]} \\",
        r"{}[c] & -- \\",
    ]
    assert any(r"100 \%." in line for line in lines)


TABLES = ("table1", "table2", "table3", "scores", "paired", "editing", "ablation", "costs")


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_the_paper_is_well_formed(paper, name):
    text = (paper / f"{name}.tex").read_text()
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert re.findall(r"\\begin{(\w+)}", body) == [
        "table", "tabular", *["minipage"] * body.count(r"\begin{minipage}")
    ]  # fmt: skip
    for environment in ("table", "tabular", "minipage"):
        assert body.count(f"\\begin{{{environment}}}") == body.count(f"\\end{{{environment}}}")
    plain = re.sub(r"\\[\\&%$#_{}]", "", body)
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    columns = len(re.search(r"\\begin{tabular}{(\w+)}", body).group(1))
    start, end = body.index(r"\toprule"), body.index(r"\bottomrule")
    rows = [line for line in body[start:end].splitlines() if line.endswith(r"\\")]
    assert len(rows) > 1
    assert {re.sub(r"\\&", "", row).count("&") for row in rows} == {columns - 1}
    assert not [character for character in body if ord(character) > 0x17F]
