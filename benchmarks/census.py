"""Time the census of all pairs, and compare it with the same census in NumPy and in PyTorch.

    python benchmarks/census.py --portraits 70000 --json census.json

The portraits are made up (crowd.py), and written as annotation tables first; that does not count. "seconds"
is from the annotations in memory to all counts, sorting included. NumPy and PyTorch take the census of a
sample of the same portraits with as many threads, and must find the same; their speed, in pairs a second,
stands for all portraits, as their work per pair does not depend on how many there are. NumPy counts bits; in
PyTorch intersections are products of int8 matrices. Both measure landmarks in float64.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from crowd import write_crowd
from measuring import machine, peak_rss_gb, write_json

from loho_bench.cli.threads import processors
from loho_bench.curation.candidates import Candidates, read_candidates
from loho_bench.curation.cells import cells_of
from loho_bench.curation.census import Rule, in_threads, take_census
from loho_bench.curation.criteria import CATEGORIES
from loho_bench.curation.distances import face_iou, pose_distance
from loho_bench.curation.sampling import draw_tuples
from loho_bench.curation.tiles import MIXED

RULE = Rule(128.0)
CELLS = cells_of(RULE.reading)
SHARD = 1000
TUPLES = 1667
POSES, OUTSIDE = len(CELLS.pose_edges) - 1, len(CELLS.categories) - 1
TILE = 256
"""Portraits of a tile in NumPy and PyTorch: with landmarks, the fastest of 128, 256 and 512 in both."""


def made_up(count: int, folder: Path, workers: int) -> list[Path]:
    """Write the annotation tables of ``count`` portraits."""
    paths = [folder / f"shard-{number:04d}.parquet" for number in range(math.ceil(count / SHARD))]
    firsts = range(0, count, SHARD)
    sizes = [min(SHARD, count - first) for first in firsts]
    with ProcessPoolExecutor(workers) as executor:
        list(executor.map(write_crowd, paths, sizes, firsts))
    return paths


def first_of(candidates: Candidates, count: int) -> Candidates:
    """Return the first ``count`` portraits, not sorted yet."""
    return Candidates(
        candidates.ids[:count],
        candidates.hair_fractions[:count],
        candidates.face_words[:count],
        candidates.landmarks[:count],
    )


def seconds_of(function: Callable[[], Any]) -> tuple[float, Any]:
    """Call ``function`` once; return how long it took, and its result."""
    started = time.perf_counter()
    result = function()
    return time.perf_counter() - started, result


@dataclass(frozen=True)
class Formulation:
    """A way to find the cells of a tile of pairs; ``own_threads`` where one call uses all of them."""

    find_cells: Callable[[slice, slice], np.ndarray]
    tile: int
    own_threads: bool

    def census(self, count: int, threads: int) -> tuple[np.ndarray, np.ndarray]:
        """Return counts ``[N, 3]`` and histogram ``[I, P]`` of ordered pairs, as the package does."""
        counts = np.zeros((count, len(CATEGORIES)), np.int64)
        histogram = np.zeros(OUTSIDE + 1, np.int64)
        blocks = [slice(start, min(start + self.tile, count)) for start in range(0, count, self.tile)]
        tiles = [(rows, columns) for i, rows in enumerate(blocks) for columns in blocks[i:]]
        found = in_threads(lambda tile: self._tally(*tile), tiles, 1 if self.own_threads else threads)
        for (rows, columns), (cells, of_rows, of_columns) in zip(tiles, found, strict=True):
            histogram += cells if rows == columns else 2 * cells
            counts[rows] += of_rows
            if rows != columns:
                counts[columns] += of_columns
        return counts, histogram[:-1].reshape(len(CELLS.iou_edges) - 1, -1)

    def _tally(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        cells = self.find_cells(rows, columns)
        if rows == columns:
            np.fill_diagonal(cells, OUTSIDE)
        categories = CELLS.categories[cells]
        hits = [categories == index for index in range(len(CATEGORIES))]
        sums = (np.stack([hit.sum(axis=axis) for hit in hits], axis=1) for axis in (1, 0))
        return np.bincount(cells.ravel(), minlength=OUTSIDE + 1), *sums


def in_numpy(sample: Candidates) -> Formulation:
    """Count bits, row after row of a tile."""

    def find_cells(rows: slice, columns: slice) -> np.ndarray:
        overlap = face_iou(sample.face_words[rows], sample.face_words[columns])
        distance = pose_distance(sample.landmarks[rows], sample.landmarks[columns], RULE.landmark_frame)
        iou = np.searchsorted(CELLS.iou_edges, overlap) - 1
        pose = np.searchsorted(CELLS.pose_edges, distance, side="right") - 1
        return np.where((iou >= 0) & (pose < POSES), iou * POSES + pose, OUTSIDE)

    return Formulation(find_cells, tile=TILE, own_threads=False)


def in_torch(sample: Candidates, landmarks: bool = True) -> Formulation:
    """Multiply int8 matrices, which is exact; without ``landmarks`` all poses are alike."""
    masks = torch.from_numpy(np.unpackbits(sample.face_words.view(np.uint8), axis=1).view(np.int8))
    areas = masks.sum(dim=1, dtype=torch.int32)
    points = torch.from_numpy(sample.landmarks)
    iou_edges, pose_edges = torch.from_numpy(CELLS.iou_edges), torch.from_numpy(CELLS.pose_edges)

    def find_cells(rows: slice, columns: slice) -> np.ndarray:
        shared = torch._int_mm(masks[rows], masks[columns].T)
        overlap = shared.double().div_(areas[rows, None] + areas[None, columns] - shared)
        total = torch.zeros_like(overlap)
        for point in range(points.shape[1] if landmarks else 0):
            across = points[rows, None, point, 0] - points[None, columns, point, 0]
            down = points[rows, None, point, 1] - points[None, columns, point, 1]
            total += across.mul_(across).add_(down.mul_(down)).sqrt_()
        distance = total.mul_(RULE.landmark_frame).div_(points.shape[1])
        iou = torch.bucketize(overlap, iou_edges).sub_(1)
        pose = torch.bucketize(distance, pose_edges, right=True).sub_(1)
        inside = (iou >= 0) & (pose < POSES)
        return torch.where(inside, iou.mul_(POSES).add_(pose), OUTSIDE).numpy()

    return Formulation(find_cells, tile=TILE, own_threads=True)


def pairs(count: int) -> int:
    """Return how many unordered pairs there are."""
    return count * (count - 1) // 2


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--portraits", type=int, default=70000)
    parser.add_argument("--threads", type=int, default=processors())
    parser.add_argument("--sample", type=int, default=4096, help="portraits that NumPy and PyTorch compare")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    count, threads = options.portraits, options.threads
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        tables = made_up(count, Path(folder), threads)
        reading, candidates = seconds_of(lambda: read_candidates(tables, 0.18))
    compiling, _ = seconds_of(lambda: take_census(first_of(candidates, 100), RULE))
    half, _ = seconds_of(lambda: take_census(first_of(candidates, count // 2), RULE, threads))
    seconds, census = seconds_of(lambda: take_census(candidates, RULE, threads))
    totals = census.counts.sum(axis=0)
    drawing, _ = seconds_of(
        lambda: [
            draw_tuples(candidates, census.counts, RULE, index, TUPLES, 0, threads)
            for index in range(len(CATEGORIES))
            if totals[index]
        ]
    )
    peak = peak_rss_gb()

    sample = first_of(candidates, min(options.sample, count))
    expected = take_census(sample, RULE, threads)
    rates = {}
    for name, formulation in (("numpy", in_numpy(sample)), ("torch", in_torch(sample))):
        taken, (counts, histogram) = seconds_of(lambda way=formulation: way.census(len(sample), threads))
        if not (np.array_equal(counts, expected.counts) and np.array_equal(histogram, expected.histogram)):
            raise SystemExit(f"the census in {name} is another")
        rates[name] = pairs(len(sample)) / taken
    taken, _ = seconds_of(lambda: in_torch(sample, landmarks=False).census(len(sample), threads))
    rates["torch, masks alone"] = pairs(len(sample)) / taken
    quarter = first_of(candidates, count // 4)
    unbounded, _ = seconds_of(lambda: take_census(quarter, RULE, threads, quarter.tiles, bounded=False))
    all_mixed = quarter.tiles._replace(states=np.full_like(quarter.tiles.states, MIXED))
    everything, _ = seconds_of(lambda: take_census(quarter, RULE, threads, all_mixed, bounded=False))

    rate = pairs(count) / seconds
    write_json(
        options.json,
        {
            "portraits": count,
            "seconds": seconds,
            "peak_rss_gb": peak,
            "pairs_per_second": rate,
            "speedup_numpy": rate / rates["numpy"],
            "speedup_torch": rate / rates["torch"],
            "speedup_torch_masks_alone": rate / rates["torch, masks alone"],
            "counts": {c.name: int(total) for c, total in zip(CATEGORIES, totals, strict=True)},
            "threads": threads,
            "ruled_out": sum(census.ruled_out) // 2,
            "computed": pairs(count) - sum(census.ruled_out) // 2,
            "in_window": int(census.histogram.sum()) // 2,
            "exponent": math.log2(seconds / half),
            "seconds_half": half,
            "reading_seconds": reading,
            "draw_seconds": drawing,
            "compile_seconds": compiling,
            "pairs_per_second_without_bounds": pairs(len(quarter)) / unbounded,
            "pairs_per_second_every_word_compared": pairs(len(quarter)) / everything,
            "sample": len(sample),
            "pairs_per_second_of_sample": rates,
            "note": "NumPy and PyTorch: measured on all pairs of the sample, compared by pairs per second",
            "machine": machine(),
        },
    )


if __name__ == "__main__":
    main()
