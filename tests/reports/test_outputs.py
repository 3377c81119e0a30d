"""What a report promises to write is what it writes."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
from fake_run import fake_settings

from loho_bench.methods.catalogue import default_registry
from loho_bench.reports.figures.catalogue import FIGURES
from loho_bench.reports.outputs import Selection, report_outputs


def written(folder):
    return {path for path in folder.rglob("*") if path.is_file() and path.parent.name != "paper"}


def test_the_default_report_writes_what_was_announced(settings, reports):
    assert written(reports) == set(report_outputs(settings, reports).all)


def test_the_papers_report_writes_what_was_announced(settings, paper):
    announced = report_outputs(settings, paper, paper=True)
    assert {path for path in paper.rglob("*") if path.is_file()} == set(announced.all)
    names = {path.name for path in announced.figures}
    assert {f"figure{number:02d}.png" for number in range(3, 11)} <= names
    captions = announced.captions.read_text()
    assert all(f"]({name})" in captions for name in names)
    assert "none was picked by eye" in captions


def test_parts_that_nobody_is_reported_in_are_left_out():
    chosen = Selection.of(fake_settings(reconstruction=(), methods=("paste",), ablation=("loho",)))
    assert chosen.tables == ("table1", "table2", "scores", "costs")
    assert chosen.figures == ("transfers", "quality_against_seconds")
    paper = Selection.of(fake_settings(paper=("loho", "loho-no-go"), editing=()), paper=True)
    assert {"figure04", "figure09"} <= set(paper.figures)
    assert not {"figure03", "figure06", "figure07", "figure08"} & set(paper.figures)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_declared_figure_can_be_drawn_of_declared_methods(figure):
    assert callable(import_module(f"loho_bench.reports.figures.{figure.module}").draw)
    assert set(figure.needs) <= set(default_registry().names())
    assert figure.caption.endswith(".")


def test_planning_a_report_loads_no_plotting():
    program = "import sys, loho_bench.reports.outputs; print('matplotlib' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
