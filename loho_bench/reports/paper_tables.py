"""Tables 1, 2 and 3 of the paper, its numbers beside those of this run."""

from __future__ import annotations

import pandas as pd

from loho_bench.metrics.scoring import SCORES
from loho_bench.metrics.spec import get_metric
from loho_bench.metrics.statistics import Interval
from loho_bench.reports.fid_table import TRUE_ANSWER, fid_interval
from loho_bench.reports.formats import MISSING, Cell, Table, counts, interval_cells, interval_columns, number
from loho_bench.reports.paper import IMAGES_OF_TABLES, paper_value, paper_values
from loho_bench.reports.run import OVERALL, Run, method_label

OTHER_WORLD = (
    f"The paper's numbers belong to {IMAGES_OF_TABLES} FFHQ photographs and to networks trained on "
    "photographs. They stand beside ours to show what the table measures, not to be beaten or missed."
)
_METRIC_OF_READING = {"full": "fid", "hair+face": "fid_hair_face"}


def table1(run: Run) -> Table:
    """Table 1: the ranges of each category, the exact census of eligible pairs, and the tuples drawn."""
    census = run.census
    rows = tuple(
        (
            Cell(row["category"].capitalize()),
            Cell(f"({row['iou_low']:g}, {row['iou_high']:g}]"),
            Cell(f"[{row['pose_low']:g}, {row['pose_high']:g})"),
            Cell(f"{int(row['eligible_pairs']):,}"),
            Cell(str(int(row["drawn"]))),
        )
        for _, row in census.iterrows()
    )
    tuples = run.settings.tuples
    return Table(
        name="table1",
        title="Table 1. Alignment of head pose: criteria, eligible pairs, tuples drawn",
        header=("Category", "Face IoU", "Pose distance", "Eligible pairs", "Tuples drawn"),
        rows=rows,
        data=census,
        notes=(
            f"Every portrait of a tuple has at least {tuples.minimum_hair_fraction:.0%} hair pixels. The "
            "pose distance is the mean distance of the 68 landmarks in pixels of a "
            f"{tuples.landmark_frame:g}-pixel frame; the ranges are read as '{tuples.reading}'. "
            "Pairs are counted exactly, not sampled.",
        ),
    )


def table2(run: Run, fid_rows: pd.DataFrame) -> Table:
    """Table 2: FID of the paper beside FID of this run, full frame and hair and face only."""
    entries = [(paper.method, paper.metric, paper.ours[0], paper.text) for paper in paper_values("Table 2")]
    shown = {(ours, metric) for _, metric, ours, _ in entries}
    for method in (name for name in fid_rows["method"].unique() if name != TRUE_ANSWER):
        for metric in _METRIC_OF_READING.values():
            if (method, metric) not in shown:
                entries.append((method_label(method), metric, method, MISSING))
    reading_of = {metric: reading for reading, metric in _METRIC_OF_READING.items()}
    intervals = [fid_interval(fid_rows, ours, reading_of[metric], OVERALL) for _, metric, ours, _ in entries]
    ours_cells = interval_cells(intervals)
    first = fid_rows.iloc[0]
    rows = tuple(
        (
            Cell(label),
            Cell(get_metric(metric).label),
            Cell(paper),
            cell,
            Cell(counts([interval]) if interval.n + interval.failed else MISSING),
        )
        for (label, metric, _, paper), cell, interval in zip(entries, ours_cells, intervals, strict=True)
    )
    data = pd.DataFrame(
        {
            "row": label,
            "metric": metric,
            "method": ours,
            "paper_fid": _paper_number("Table 2", metric, ours),
            **interval_columns(interval, "fid"),
            "n": interval.n,
            "failed": interval.failed,
            **{name: first[name] for name in ("extractor", "protocol", "resolution", "comparable")},
        }
        for (label, metric, ours, _), interval in zip(entries, intervals, strict=True)
    )
    return Table(
        name="table2",
        title="Table 2. FID ↓, the paper's world and this one",
        header=("Method", "Reading", "Paper, FFHQ", "This run", "n"),
        rows=rows,
        data=data,
        notes=(*_other_world(run), f"This run: {first['comparable']}."),
        left=2,
    )


def table3(run: Run) -> Table:
    """Table 3: PSNR, SSIM and latent distance when one image is identity, structure and appearance."""
    others = tuple(dict.fromkeys(v.method for v in paper_values("Table 3") if not v.ours))
    header = ["Score", *(f"{name}, paper" for name in sorted(others)), "LOHO, paper"]
    methods = run.settings.reports.reconstruction
    scores = [score for score in SCORES if score.task == "reconstruction"]
    rows, data = [], []
    for score in scores:
        metric = score.metric
        paper = {v.method: v.text for v in paper_values("Table 3") if v.metric == metric.name}
        unit = f", {metric.unit}" if metric.unit else ""
        cells = [Cell(f"{metric.label}{unit} {metric.arrow}".strip())]
        cells += [Cell(paper.get(name, MISSING)) for name in (*sorted(others), "LOHO")]
        intervals = [run.summary(method, score) for method in methods]
        for method, cell, interval in zip(methods, interval_cells(intervals), intervals, strict=True):
            spread = float(run.values(method, score).std())
            cells += [
                Cell(f"{cell.text} ± {number(spread, _digits(cell.text))}", cell.note),
                Cell(counts([interval])),
            ]
            row = _table3_row(method, score.metric.name, score.protocol, interval, spread)
            data.append({**row, "resolution": run.settings.transfer.resolution})
        rows.append(tuple(cells))
    for method in methods:
        header += [f"{method_label(method)}, this run", "n"]
    return Table(
        name="table3",
        title="Table 3. Reconstruction: the same image three times",
        header=tuple(header),
        rows=tuple(rows),
        data=pd.DataFrame(data),
        notes=(
            *_other_world(run),
            "Mean ± standard deviation over portraits, interval of the mean in brackets. The latent distance "
            "depends on the generator's depth and on the size of its W; neither direction is better.",
        ),
    )


def _other_world(run: Run) -> tuple[str, ...]:
    """The reminder that the paper's numbers are of another world, where this run is."""
    return () if run.photographic else (OTHER_WORLD,)


def _table3_row(
    method: str, metric: str, protocol: str, interval: Interval, spread: float
) -> dict[str, object]:
    paper = paper_value("Table 3", metric, method)
    return {
        "metric": metric,
        "method": method,
        "paper_loho": paper.value if paper else float("nan"),
        "paper_loho_spread": paper.spread if paper else float("nan"),
        "mean": interval.value,
        "std": spread,
        "low": interval.low,
        "high": interval.high,
        "confidence": interval.confidence,
        "n": interval.n,
        "failed": interval.failed,
        "protocol": protocol,
    }


def _paper_number(source: str, metric: str, ours: str) -> float:
    paper = paper_value(source, metric, ours)
    return paper.value if paper and paper.value is not None else float("nan")


def _digits(text: str) -> int:
    return len(text.partition(".")[2])
