"""Table 1 of the paper: its criteria beside those of this run, the exact census, and the tuples drawn."""

from __future__ import annotations

from loho_bench.curation.criteria import CATEGORIES
from loho_bench.reports.paper import IMAGES_OF_TABLES
from loho_bench.reports.run import Run
from loho_bench.reports.tables.model import MISSING, Cell, Table


def table1(run: Run) -> Table:
    """Return the criteria of each category, paper and run, with its eligible pairs and drawn tuples."""
    paper = {category.name: category for category in CATEGORIES}
    census = run.census
    total = int(census["eligible_pairs"].sum())
    rows = []
    for row in census.itertuples(index=False):
        theirs = paper[row.category]
        rows.append(
            (
                Cell(row.category.capitalize()),
                Cell(_iou_range(theirs)),
                Cell(_iou_range(row)),
                Cell(_pose_range(theirs)),
                Cell(_pose_range(row)),
                Cell(f"{row.eligible_pairs:,}", f"{row.eligible_pairs / total:.0%}" if total else ""),
                Cell(MISSING),
                Cell(str(row.drawn)),
            )
        )
    ranges = ("iou_low", "iou_high", "pose_low", "pose_high")
    data = census.assign(
        **{f"paper_{name}": [getattr(paper[c], name) for c in census["category"]] for name in ranges},
        paper_tuples=float("nan"),
    )
    tuples = run.settings.tuples
    return Table(
        name="table1",
        title="Table 1. Alignment of head pose: criteria, eligible pairs, tuples drawn",
        header=(
            "Category",
            "Face IoU, paper",
            "Face IoU",
            "Pose distance, paper",
            "Pose distance",
            "Eligible pairs",
            "Tuples, paper",
            "Tuples",
        ),
        rows=tuple(rows),
        data=data,
        notes=(
            f"Every portrait of a tuple has at least {tuples.minimum_hair_fraction:.0%} hair pixels. The "
            "pose distance is the mean distance of the 68 landmarks in pixels of a "
            f"{tuples.landmark_frame:g}-pixel frame; the ranges are read as '{tuples.reading}'. "
            "Pairs are counted exactly, not sampled.",
            "The paper gives its pose distance no unit, and of its tuples only their number in all, "
            f"{IMAGES_OF_TABLES}, not that of each category.",
        ),
    )


def _iou_range(row: object) -> str:
    return f"({row.iou_low:g}, {row.iou_high:g}]"


def _pose_range(row: object) -> str:
    return f"[{row.pose_low:g}, {row.pose_high:g})"
