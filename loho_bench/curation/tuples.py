"""The tables of tuples: of each category of Table 1, reconstructions, edits of attributes; the census."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loho_bench.curation.candidates import Candidates, read_candidates
from loho_bench.curation.cells import cells_of, histogram_table
from loho_bench.curation.census import Census, Rule, take_census
from loho_bench.curation.criteria import CATEGORIES
from loho_bench.curation.sampling import DrawnTuple, draw_distinct, draw_tuples
from loho_bench.errors import UserError
from loho_bench.progress import get_logger
from loho_bench.provenance import derive_seed
from loho_bench.settings.project import Settings
from loho_bench.storage import write_table

COLUMNS = (
    "tuple_id",
    "identity",
    "structure",
    "appearance",
    "category",
    "face_iou",
    "pose_distance",
    "identity_hair_fraction",
    "structure_hair_fraction",
    "appearance_hair_fraction",
)
RECONSTRUCTION = "reconstruction"


@dataclass(frozen=True)
class Edit:
    """A way to edit single attributes of the hair (section 4.5), as a construction of tuples.

    ``structure`` and ``appearance`` say whose hair gives them: that of a transfer's own portrait in this
    place, or the identity's, which leaves the attribute as it is.
    """

    category: str
    label: str
    structure: str
    appearance: str


EDITS = (
    Edit("editing-appearance", "Appearance and style alone", "identity", "appearance"),
    Edit("editing-shape", "Shape and structure alone", "structure", "identity"),
    Edit("editing-both", "Both together", "structure", "appearance"),
)
KINDS = ("tuples", RECONSTRUCTION, "editing")
"""Names of the tables of tuples, and of the tables of results on them."""


def kind_of(category: str) -> str:
    """Return the table, one of :data:`KINDS`, that tuples of ``category`` stand in."""
    if category == RECONSTRUCTION:
        return RECONSTRUCTION
    return "editing" if category in {edit.category for edit in EDITS} else "tuples"


def write_tuples(
    annotations: Sequence[str | Path], settings: Settings, out_dir: str | Path, threads: int = 1
) -> None:
    """Write the census (two tables), ``tuples.csv``, ``reconstruction.csv`` and ``editing.csv``.

    These are for Table 1 and section 4.1 of the paper, Table 3, and section 4.5. ``census.csv`` has the pairs
    of each category, ``census_histogram.csv`` all pairs by face IoU and pose distance.

    The census (eligible ordered pairs of identity and structure) is written first, also where nothing can
    be drawn. Tuples are numbered in the order they were drawn: asking for more keeps the earlier ones.

    Parameters
    ----------
    annotations : sequence of path
        Annotation tables, in any order.
    settings : Settings
        ``seed`` and the group ``tuples`` are read.
    out_dir : str or Path
    threads : int
        How many compute at a time.

    Raises
    ------
    UserError
        Fewer than three portraits are eligible; or, where ``tuples.when_short`` is "fail", a category has
        fewer pairs, or there are fewer portraits to reconstruct, than asked for; or no category has any.
    """
    chosen = settings.tuples
    candidates = read_candidates(annotations, chosen.minimum_hair_fraction, chosen.mask_size)
    if len(candidates) < 3:
        raise UserError(
            "cannot draw tuples: a tuple is three distinct eligible portraits",
            cause=candidates.census,
            remedy="add portraits, mend those that are set aside, or lower tuples.minimum_hair_fraction",
        )
    rule = Rule(chosen.landmark_frame, chosen.reading)
    found = take_census(candidates, rule, threads)
    totals = found.counts.sum(axis=0)
    short = _shortages(candidates, totals, settings)
    refused = bool(short) and chosen.when_short == "fail"
    drawn = np.minimum(totals, 0 if refused else chosen.per_category)
    census = _census_table(totals, drawn)
    write_table(census, Path(out_dir) / "census.csv")
    histogram = histogram_table(found.histogram, cells_of(rule.reading))
    write_table(histogram, Path(out_dir) / "census_histogram.csv")
    if refused or not totals.any():
        raise UserError(
            f"cannot draw the tuples asked for: {'; '.join(short)}",
            cause=f"{candidates.census}\n{census.drop(columns='drawn').to_string(index=False)}",
            remedy="add portraits; lower tuples.per_category or tuples.reconstructions; "
            "or set tuples.when_short to take_all",
        )
    if short:
        get_logger("curation").warning("all that there are are taken: %s", "; ".join(short))
    rows = [
        _row(f"{category.name}-{number:04d}", category.name, candidates, drawn_tuple)
        for index, category in enumerate(CATEGORIES)
        if drawn[index]
        for number, drawn_tuple in enumerate(
            draw_tuples(candidates, found.counts, rule, index, int(drawn[index]), settings.seed, threads),
            start=1,
        )
    ]
    write_table(pd.DataFrame(rows, columns=list(COLUMNS)), Path(out_dir) / "tuples.csv")
    write_table(_reconstructions(candidates, settings), Path(out_dir) / "reconstruction.csv")
    write_table(_edits(rows, chosen.edits), Path(out_dir) / "editing.csv")
    get_logger("curation").info(
        "%s\n%s\n%s", candidates.census, census.to_string(index=False), _elsewhere(found)
    )


def _census_table(totals: np.ndarray, drawn: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "category": category.name,
            "eligible_pairs": int(totals[index]),
            "iou_low": category.iou_low,
            "iou_high": category.iou_high,
            "pose_low": category.pose_low,
            "pose_high": category.pose_high,
            "drawn": int(drawn[index]),
        }
        for index, category in enumerate(CATEGORIES)
    )


def _elsewhere(census: Census) -> str:
    inside, ruled_out = int(census.histogram.sum()), sum(census.ruled_out)
    return (
        f"{inside} pairs are in the cells of census_histogram.csv, {census.outside + ruled_out} outside: "
        f"{ruled_out} of these were ruled out by a bound and not measured"
    )


def _shortages(candidates: Candidates, totals: np.ndarray, settings: Settings) -> list[str]:
    wanted = settings.tuples.per_category
    short = [
        f"{category.name} has {total} eligible pairs, {wanted} asked for"
        for category, total in zip(CATEGORIES, totals, strict=True)
        if total < wanted
    ]
    if len(candidates) < settings.tuples.reconstructions:
        asked = settings.tuples.reconstructions
        short.append(f"{len(candidates)} portraits can be reconstructed, {asked} asked for")
    return short


def _row(tuple_id: str, category: str, candidates: Candidates, drawn: DrawnTuple) -> dict[str, Any]:
    row: dict[str, Any] = {
        "tuple_id": tuple_id,
        "category": category,
        "face_iou": drawn.face_iou,
        "pose_distance": drawn.pose_distance,
    }
    for role in ("identity", "structure", "appearance"):
        index = getattr(drawn, role)
        row[role] = candidates.ids[index]
        row[f"{role}_hair_fraction"] = candidates.hair_fractions[index]
    return row


def _reconstructions(candidates: Candidates, settings: Settings) -> pd.DataFrame:
    """Draw distinct portraits for Table 3: the three images of a tuple are the same."""
    size = min(settings.tuples.reconstructions, len(candidates))
    chosen = draw_distinct(len(candidates), size, derive_seed(RECONSTRUCTION, settings.seed))
    rows = [
        _row(
            f"{RECONSTRUCTION}-{number:04d}",
            RECONSTRUCTION,
            candidates,
            DrawnTuple(index, index, index, face_iou=1.0, pose_distance=0.0),
        )
        for number, index in enumerate(chosen, start=1)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _edits(transfers: list[dict[str, Any]], count: int) -> pd.DataFrame:
    """Edit one attribute, the other, and both, of the identities that were drawn first.

    Face IoU and pose distance are those of identity and structure: 1 and 0 where they are one image.
    """
    rows = []
    for edit in EDITS:
        for number, transfer in enumerate(transfers[:count], start=1):
            row = {**transfer, "tuple_id": f"{edit.category}-{number:04d}", "category": edit.category}
            for role in ("structure", "appearance"):
                source = getattr(edit, role)
                row[role] = transfer[source]
                row[f"{role}_hair_fraction"] = transfer[f"{source}_hair_fraction"]
            if edit.structure == "identity":
                row |= {"face_iou": 1.0, "pose_distance": 0.0}
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))
