"""The gallery: tuples with their inputs, the true answer and every method's portrait, and their scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from loho_bench.methods.inputs import ROLES
from loho_bench.metrics.scores import Score
from loho_bench.metrics.scoring_inputs import load_result
from loho_bench.portraits.images import resize
from loho_bench.reports.page.inlining import webp_bytes, webp_uri
from loho_bench.reports.run import CATEGORIES, Run
from loho_bench.reports.tables.formats import decimals, number, score_heading
from loho_bench.reports.tables.scores import transfer_costs, transfer_scores

PICTURES = 480
LARGEST_SIDE = 256
LOSSLESS_BYTES = 7_200_000
LOSSY_QUALITY = 95


@dataclass(frozen=True)
class Shown:
    """A method as the gallery names it."""

    name: str
    label: str
    role: str


@dataclass(frozen=True)
class Shot:
    """One picture of a tuple as a ``data:`` address, or the reason why there is none."""

    label: str
    kind: Literal["input", "answer", "method"]
    name: str
    uri: str = ""
    reason: str = ""


@dataclass(frozen=True)
class ScoreRow:
    """Scores of one method on one tuple, as text; ``reason`` where it has none."""

    method: Shown
    texts: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True)
class Card:
    """One tuple: ``portraits`` are those of identity, structure and appearance."""

    tuple_id: str
    category: str
    portraits: tuple[str, str, str]
    shots: tuple[Shot, ...]
    scores: tuple[ScoreRow, ...]


@dataclass(frozen=True)
class Gallery:
    """The tuples shown; ``headings`` are those of their scores, each has ``places`` pictures or reasons.

    ``choice`` and ``storage`` say in words which tuples they are and how their pictures are kept.
    """

    cards: tuple[Card, ...]
    headings: tuple[str, ...]
    places: int
    choice: str
    storage: str


def gallery(run: Run, methods: Sequence[Shown]) -> Gallery:
    """Collect the tuples that fit on a page: all of them, or the first of each category."""
    # The true answer has a place of its own, beside the inputs.
    methods = [method for method in methods if method.role != "ceiling" or not run.inputs.synthetic]
    columns = len(ROLES) + int(run.inputs.synthetic) + len(methods)
    rows = _chosen(run, max(1, PICTURES // (len(CATEGORIES) * columns)))
    pictures = [_pictures(run, row, methods) for row in rows]
    stored, storage = _store([image for of_tuple in pictures for _, image in of_tuple])
    uris = iter(stored)
    scores = [*transfer_scores(run), *transfer_costs(run)]
    table = _score_texts(run, methods, scores)
    cards = tuple(
        Card(
            tuple_id=row["tuple_id"],
            category=row["category"],
            portraits=tuple(row[role] for role in ROLES),
            shots=tuple(Shot(*words, uri=next(uris)) if image is not None else _lost(run, row, words)
                        for words, image in of_tuple),
            scores=tuple(_score_row(run, method, row, table) for method in methods),
        )
        for row, of_tuple in zip(rows, pictures, strict=True)
    )  # fmt: skip
    return Gallery(cards, tuple(map(score_heading, scores)), columns, _choice(run, len(rows)), storage)


def _chosen(run: Run, per_category: int) -> list[pd.Series]:
    transfers = run.transfers
    heads = [transfers[transfers["category"] == category].head(per_category) for category in CATEGORIES]
    return [row for _, row in pd.concat(heads).iterrows()]


def _choice(run: Run, shown: int) -> str:
    total = len(run.transfers)
    if shown == total:
        return f"All {total} tuples of this run."
    return (
        f"{shown:,} of {total:,} tuples: the first of each category, in the order in which they were drawn. "
        "None was picked by eye; the tables count all of them."
    )


def _pictures(
    run: Run, row: pd.Series, methods: Sequence[Shown]
) -> list[tuple[tuple[str, str, str], np.ndarray | None]]:
    """Words (label, kind, name) and image of every place in a tuple's row; None where a method failed."""
    found = [((role, "input", role), run.inputs.image(row[role])) for role in ROLES]
    if run.inputs.synthetic:
        found.append((("true answer", "answer", "answer"), run.inputs.true_answer(row).image))
    for method in methods:
        result = _result(run, method.name, row["tuple_id"])
        image = load_result(run.root / result["portrait"]) if result["status"] == "ok" else None
        found.append(((method.label, "method", method.name), image))
    return found


def _result(run: Run, method: str, tuple_id: str) -> pd.Series:
    rows = run.results(method)
    return rows[rows["tuple_id"] == tuple_id].iloc[0]


def _lost(run: Run, row: pd.Series, words: tuple[str, str, str]) -> Shot:
    return Shot(*words, reason=str(_result(run, words[2], row["tuple_id"])["reason"]))


def _store(images: Sequence[np.ndarray | None]) -> tuple[list[str], str]:
    """Return the pictures as addresses, and how they are kept: pixel for pixel while they stay small."""
    kept = [image for image in images if image is not None]
    largest = max((max(image.shape[:2]) for image in kept), default=0)
    frames = [resize(image, LARGEST_SIDE) if max(image.shape[:2]) > LARGEST_SIDE else image for image in kept]
    files = [webp_bytes(image) for image in frames]
    words = "Pictures are stored pixel for pixel (lossless WebP)"
    if sum(map(len, files)) > LOSSLESS_BYTES:
        files = [webp_bytes(image, quality=LOSSY_QUALITY) for image in frames]
        words = "To keep the page small, pictures are compressed with slight loss "
        words += f"(WebP, quality {LOSSY_QUALITY})"
    if largest > LARGEST_SIDE:
        words += f" and scaled from {largest} to {LARGEST_SIDE} pixels; results/ holds them whole"
    return [webp_uri(file) for file in files], words + "."


def _score_texts(
    run: Run, methods: Sequence[Shown], scores: Sequence[Score]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Every tuple's scores as text, by method and tuple; a column has one number of decimals."""
    columns = []
    for score in scores:
        values = {method.name: run.values(method.name, score) for method in methods}
        digits = decimals(x for series in values.values() for x in series)
        columns.append((values, digits))
    return {
        method.name: {
            tuple_id: tuple(
                number(values[method.name].get(tuple_id, math.nan), digits) for values, digits in columns
            )
            for tuple_id in run.transfers["tuple_id"]
        }
        for method in methods
    }


def _score_row(
    run: Run, method: Shown, row: pd.Series, table: dict[str, dict[str, tuple[str, ...]]]
) -> ScoreRow:
    result = _result(run, method.name, row["tuple_id"])
    reason = "" if result["status"] == "ok" else str(result["reason"])
    return ScoreRow(method, table[method.name][row["tuple_id"]], reason)
