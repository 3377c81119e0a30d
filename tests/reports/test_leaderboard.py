"""The leaderboard: who ranks where, by which rule, and that nothing that failed is hidden."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from fake_run import REPORTED

from loho_bench.reports.leaderboard import leaderboard
from loho_bench.reports.run import open_run
from loho_bench.reports.tables.fid_rows import read_fid


@pytest.fixture(scope="module")
def board(root, settings, reports):
    return leaderboard(open_run(settings, root), read_fid(reports / "fid.csv"), REPORTED)


def overall(board):
    return [entry for entry in board.entries if entry.category == "overall"]


def test_methods_rank_by_lpips_to_the_true_answer_which_is_first(root, board):
    # The made-up results are the true answers, the more blurred the later the method was listed.
    expected = ["true-answer", "loho", "loho-no-go", "loho-unprojected", "paste"]
    assert [(entry.rank, entry.method) for entry in overall(board)] == list(enumerate(expected, start=1))
    assert board.sorted_by == board.columns[0].key == "lpips-true-answer"
    assert "LPIPS, to the true answer" in board.note
    scores = pd.read_parquet(root / "scores" / "paste.parquet").query("metric == 'lpips'")
    scores = scores[scores["against"] == "true answer"]
    assert overall(board)[-1].values[board.sorted_by].value == pytest.approx(scores["value"].mean())


def test_every_category_has_every_method_and_every_column(board):
    assert len(board.entries) == 4 * len(REPORTED)
    keys = {column.key for column in board.columns}
    assert len(keys) == len(board.columns)
    assert all(set(entry.values) == keys for entry in board.entries)
    assert {entry.role for entry in overall(board)} == {"method", "floor", "ceiling"}


def test_failures_are_shown_beside_the_rank(board):
    entry = next(entry for entry in overall(board) if entry.method == "loho-no-go")
    assert entry.rank == 3
    assert (entry.values[board.sorted_by].n, entry.values[board.sorted_by].failed) == (8, 1)
    assert (entry.values["fid"].n, entry.values["fid"].failed) == (8, 1)


def test_an_infinite_score_is_no_gap(board):
    best = overall(board)[0].values["psnr-true-answer"]
    assert best.value == best.low == best.high == math.inf


def test_photographs_rank_by_fid(copied, settings):
    portraits = copied / "portraits/portraits.parquet"
    pd.read_parquet(portraits).assign(parameters="").to_parquet(portraits)
    rows = pd.DataFrame(
        {
            "method": method,
            "reading": "full",
            "category": "overall",
            **{f"{metric}{end}": value for metric in ("fid", "kid") for end in ("", "_low", "_high")},
            "n": 9,
            "failed": 0,
            "confidence": 0.95,
        }
        for method, value in (("loho", 5.0), ("loho-no-go", 3.0), ("paste", float("nan")))
    )
    board = leaderboard(open_run(settings, copied), rows, ("loho", "loho-no-go", "paste"))
    ranks = {entry.method: entry.rank for entry in overall(board)}
    assert ranks == {"loho-no-go": 1, "loho": 2, "paste": None}
    assert board.sorted_by == "fid"
    assert "no true answer" in board.note
