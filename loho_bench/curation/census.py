"""The exact number of eligible pairs in every category, without a list of all pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np

from loho_bench.curation.candidates import Candidates
from loho_bench.curation.cells import cells_of
from loho_bench.curation.criteria import CATEGORIES, NO_CATEGORY, Reading, categorize
from loho_bench.curation.distances import face_iou, pose_distance
from loho_bench.curation.tiles import Tiles
from loho_bench.progress import track


@dataclass(frozen=True)
class Rule:
    """What decides the category of a pair besides Table 1: frame of the pose distance, and reading."""

    landmark_frame: float
    reading: Reading = "strict"


@dataclass(frozen=True)
class Pairs:
    """A block of ordered pairs, ``[R, C]``: identity by row, structure by column."""

    face_iou: np.ndarray
    pose_distance: np.ndarray
    category: np.ndarray


@dataclass(frozen=True)
class Census:
    """What the census of the ordered pairs of ``N`` portraits found.

    Attributes
    ----------
    counts : numpy.ndarray
        ``[N, 3] int64``: for every identity, its structures in each category.
    histogram : numpy.ndarray
        ``[I, P] int64``: pairs by face IoU and pose distance, in the cells of
        :func:`~loho_bench.curation.cells.cells_of`.
    outside : int
        Pairs that were measured and are outside all cells.
    ruled_out : tuple of int
        Pairs outside all cells that were not measured: a bound from areas, or from parts of the face, told.
    """

    counts: np.ndarray
    histogram: np.ndarray
    outside: int
    ruled_out: tuple[int, int]


def measure_pairs(candidates: Candidates, rows: np.ndarray, columns: np.ndarray, rule: Rule) -> Pairs:
    """Measure and categorize the pairs of ``rows`` with ``columns`` (indices of candidates).

    This is the definition, in plain NumPy: the compiled census agrees with it on every pair. A portrait with
    itself is no pair: its category is ``NO_CATEGORY``.
    """
    overlap = face_iou(candidates.face_words[rows], candidates.face_words[columns])
    distance = pose_distance(candidates.landmarks[rows], candidates.landmarks[columns], rule.landmark_frame)
    category = categorize(overlap, distance, rule.reading)
    category[rows[:, None] == columns[None, :]] = NO_CATEGORY
    return Pairs(overlap, distance, category)


def take_census(
    candidates: Candidates, rule: Rule, threads: int = 1, tiles: Tiles | None = None, bounded: bool = True
) -> Census:
    """Count the eligible ordered pairs (identity, structure): every pair, exactly, and none is kept.

    Parameters
    ----------
    candidates : Candidates
        ``N`` eligible portraits.
    rule : Rule
    threads : int
        How many compute at a time.
    tiles : Tiles, optional
        An arrangement of the candidates other than their own.
    bounded : bool
        Whether bounds may rule out pairs unmeasured. Like ``threads`` and ``tiles`` it changes the time, and
        what is told apart of the pairs outside, never ``counts`` and ``histogram``.
    """
    from loho_bench.curation.kernel import scan_tiles

    count, cells = len(candidates), cells_of(rule.reading)
    shape = (len(cells.iou_edges) - 1, len(cells.pose_edges) - 1)
    sizes = ((count, len(CATEGORIES)), len(cells.categories), 2)
    sums = [tuple(np.zeros(size, np.int64) for size in sizes) for _ in range(threads)]
    if count > 1:
        tiles = tiles or candidates.tiles
        side = tiles.words.shape[2]
        free: SimpleQueue = SimpleQueue()
        for of_a_thread in sums:
            free.put(of_a_thread)

        def scan(row: int) -> None:
            of_a_thread = free.get()
            lanes = np.arange(min(side, count - row * side))
            nothing = np.empty((0, count), np.int8)
            scan_tiles(
                row, lanes, row, tiles, cells, float(rule.landmark_frame), bounded, *of_a_thread, nothing
            )
            free.put(of_a_thread)

        rows = len(tiles.words)
        for _ in track(in_threads(scan, range(rows), threads), "counting eligible pairs", rows):
            pass
    # Pairs count in both directions; a portrait's counts hold both already.
    counts, histogram, ruled_out = (sum(parts) for parts in zip(*sums, strict=True))
    return Census(
        counts=counts,
        histogram=2 * histogram[:-1].reshape(shape),
        outside=2 * int(histogram[-1] - ruled_out.sum()),
        ruled_out=tuple(2 * int(pairs) for pairs in ruled_out),
    )


def count_pairs(candidates: Candidates, rule: Rule, threads: int = 1) -> np.ndarray:
    """Return the counts of :func:`take_census` alone: ``[N, 3] int64``."""
    return take_census(candidates, rule, threads).counts


def categories_of(
    candidates: Candidates, identities: Iterable[int], rule: Rule, threads: int = 1
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield every one of some identities with its categories, ``[N] int8``, as the census counted them.

    They come in an order of their own: those that stand in one tile are measured together.
    """
    from loho_bench.curation.kernel import scan_tiles

    tiles, cells = candidates.tiles, cells_of(rule.reading)
    count, side = len(candidates), tiles.words.shape[2]
    places = np.empty(count, np.int64)
    places[tiles.order] = np.arange(count)
    wanted = np.sort(places[list(identities)])

    def scan(part: np.ndarray) -> list[tuple[int, np.ndarray]]:
        categories = np.empty((len(part), count), np.int8)
        sums = (np.zeros((count, len(CATEGORIES)), np.int64), np.zeros(len(cells.categories), np.int64))
        ruled_out = np.zeros(2, np.int64)
        frame = float(rule.landmark_frame)
        scan_tiles(part[0] // side, part % side, 0, tiles, cells, frame, True, *sums, ruled_out, categories)
        return list(zip(tiles.order[part].tolist(), categories, strict=True))

    parts = np.split(wanted, np.flatnonzero(np.diff(wanted // side)) + 1) if len(wanted) else []
    for found in in_threads(scan, parts, threads):
        yield from found


def in_threads(function: Callable, items: Iterable, threads: int) -> Iterator:
    """Yield the results of ``function`` in the order of ``items``, ``threads`` of them computed at a time."""
    with ThreadPoolExecutor(threads) as executor:
        yield from executor.map(function, items)
