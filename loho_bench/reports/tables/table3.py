"""Table 3 of the paper: PSNR, SSIM and latent distance when one image is the whole tuple."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from loho_bench.metrics.scores import SCORES, Score
from loho_bench.metrics.statistics import Interval
from loho_bench.reports.paper import OTHER_WORLD, PaperValue, paper_value
from loho_bench.reports.run import Run
from loho_bench.reports.tables.formats import (
    counts,
    decimals,
    difference_cell,
    interval_cells,
    interval_columns,
    number,
    paper_cell,
    score_heading,
)
from loho_bench.reports.tables.model import MISSING, Cell, Table

SOURCE = "Table 3"


def table3(run: Run, methods: Sequence[str]) -> Table:
    """Return every score of reconstructions, a row a method: mean ± deviation, interval, range."""
    rows, data = [], []
    for score in (score for score in SCORES if score.task == "reconstruction"):
        intervals = [run.summary(method, score) for method in methods]
        cells = interval_cells(intervals, score.metric.higher_is_better)
        for method, interval, cell in zip(methods, intervals, cells, strict=True):
            paper = paper_value(SOURCE, score.metric.name, method)
            values = run.values(method, score).dropna()
            spread = float(values.std())
            ends = (float(values.min()), float(values.max()))
            digits = decimals([interval.value])
            rows.append(
                (
                    Cell(score_heading(score)),
                    Cell(run.label(method)),
                    paper_cell(paper),
                    Cell(_with_spread(cell.text, spread, digits), cell.note, cell.best),
                    _range(ends, digits),
                    difference_cell(paper, interval.value),
                    Cell(counts([interval])),
                )
            )
            data.append(_row(run, method, score, interval, spread, ends, paper))
    return Table(
        name="table3",
        title="Table 3. Reconstruction: the same image three times",
        header=("Score", "Method", "Paper, FFHQ", "This run", "Range", "Difference", "n"),
        rows=tuple(rows),
        data=pd.DataFrame(data),
        notes=(
            *(() if run.photographic else (OTHER_WORLD,)),
            "Mean ± standard deviation over portraits, interval of the mean in brackets; then the least "
            "and the largest value. The latent distance depends on the generator's depth and on the "
            "size of its W; neither direction is better, and a difference to a range is that to its "
            "nearest end, 0 inside it.",
        ),
        left=2,
    )


def _with_spread(text: str, spread: float, digits: int) -> str:
    return text if pd.isna(spread) else f"{text} ± {number(spread, digits)}"


def _range(ends: tuple[float, float], digits: int) -> Cell:
    if pd.isna(ends[0]):
        return Cell(MISSING)
    return Cell(f"[{number(ends[0], digits)}, {number(ends[1], digits)}]")


def _row(
    run: Run,
    method: str,
    score: Score,
    interval: Interval,
    spread: float,
    ends: tuple[float, float],
    paper: PaperValue | None,
) -> dict[str, object]:
    published = {name: getattr(paper, name) if paper else None for name in ("value", "spread", "low", "high")}
    return {
        "metric": score.metric.name,
        "against": score.against,
        "method": method,
        **{f"paper_{name}": value for name, value in published.items()},
        **interval_columns(interval, "mean"),
        "confidence": interval.confidence,
        "std": spread,
        "minimum": ends[0],
        "maximum": ends[1],
        "difference": paper.difference(interval.value) if paper else float("nan"),
        "n": interval.n,
        "failed": interval.failed,
        "unit": score.metric.unit,
        "protocol": score.protocol,
        "resolution": run.settings.transfer.resolution,
    }
