"""A uniform draw of tuples from the census, without a list of all pairs."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from loho_bench.curation.candidates import Candidates
from loho_bench.curation.census import Rule, categories_of, measure_pairs
from loho_bench.curation.criteria import CATEGORIES
from loho_bench.provenance import derive_seed


@dataclass(frozen=True)
class DrawnTuple:
    """Indices of the three portraits among the candidates, and the measures of the first two."""

    identity: int
    structure: int
    appearance: int
    face_iou: float
    pose_distance: float


def draw_tuples(
    candidates: Candidates,
    counts: np.ndarray,
    rule: Rule,
    category: int,
    size: int,
    run_seed: int,
    threads: int = 1,
) -> list[DrawnTuple]:
    """Draw tuples of one category, every eligible (identity, structure) pair being equally likely.

    Pairs are drawn without replacement, so no tuple comes twice; the appearance is drawn uniformly from
    the other candidates. A larger draw with the same seed starts with the smaller one.

    Parameters
    ----------
    candidates : Candidates
        ``N >= 3`` eligible portraits.
    counts : numpy.ndarray
        ``[N, 3] int64`` of :func:`~loho_bench.curation.census.count_pairs`, for the same ``rule``.
    category : int
        Index into ``CATEGORIES``.
    size : int
        How many; all pairs are taken where there are fewer.
    run_seed : int
    threads : int
        How many measure at a time; the draw is the same.
    """
    ends = np.cumsum(counts[:, category])
    total = int(ends[-1])
    seed = derive_seed("pairs", run_seed, CATEGORIES[category].name)
    ranks = list(draw_distinct(total, min(size, total), seed))
    # Only the rows that were hit are measured again.
    wanted = defaultdict(list)
    for order, rank in enumerate(ranks):
        identity = int(np.searchsorted(ends, rank, side="right"))
        wanted[identity].append((order, rank - int(ends[identity] - counts[identity, category])))
    drawn: dict[int, DrawnTuple] = {}
    for identity, categories in categories_of(candidates, wanted, rule, threads):
        orders, places = zip(*wanted[identity], strict=True)
        structures = np.flatnonzero(categories == category)[list(places)]
        pairs = measure_pairs(candidates, np.array([identity]), structures, rule)
        for column, (order, structure) in enumerate(zip(orders, structures.tolist(), strict=True)):
            drawn[order] = DrawnTuple(
                identity=identity,
                structure=structure,
                appearance=_draw_appearance(candidates, identity, structure, run_seed),
                face_iou=float(pairs.face_iou[0, column]),
                pose_distance=float(pairs.pose_distance[0, column]),
            )
    return [drawn[order] for order in range(len(ranks))]


def draw_distinct(total: int, size: int, seed: int) -> Iterator[int]:
    """Yield ``size <= total`` distinct integers of ``range(total)``, uniformly, in random order.

    Repeats are drawn again, so the integers of a smaller ``size`` come first in a larger one.
    """
    generator = random.Random(seed)
    seen: set[int] = set()
    while len(seen) < size:
        value = generator.randrange(total)
        if value not in seen:
            seen.add(value)
            yield value


def _draw_appearance(candidates: Candidates, identity: int, structure: int, run_seed: int) -> int:
    names = (candidates.ids[identity], candidates.ids[structure])
    generator = random.Random(derive_seed("appearance", run_seed, *names))
    appearance = generator.randrange(len(candidates) - 2)
    # The draw is over the candidates without the two: step over each of them.
    for taken in sorted((identity, structure)):
        appearance += appearance >= taken
    return appearance
