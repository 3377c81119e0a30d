"""Pairs of portraits measured by compiled code: exact, a tile of rows against a tile of columns.

Import this where pairs are counted, not before: Numba is slow to import. The first call compiles, and leaves
the result in Numba's cache, which notices changes of this file alone: all that is compiled is in it. There is
no fast mathematics: every rounding is that of the definitions in :mod:`loho_bench.curation.distances`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numba.extending import intrinsic

from loho_bench.curation.tiles import FULL, MIXED, PARTS

UNCERTAIN = -1
"""A cell that float32, or a quotient near an edge, does not tell."""
OUTSIDE = 2**14
"""An edge of the window is exceeded: more than the number of cells of an edge, and of them all."""
ROUNDING = 1e-6
"""Cells: far more than arithmetic in float64 can be wrong by."""
UNIT_ROUNDOFF = 2.0**-24
"""Of float32."""


def _compiled(function: Callable) -> Callable:
    """Compile when first called; where no folder can be written to, nothing is kept for the next process."""
    try:
        return njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:
        return njit(nogil=True, error_model="numpy")(function)


@intrinsic
def _bits_set(typing_context, word):
    """Count the bits of a word: one instruction, and in a loop one instruction for eight words."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return word(word), generate


@_compiled
def scan_tiles(row, lanes, first, tiles, cells, frame, bounded, counts, histogram, ruled_out, categories):
    """Measure portraits ``lanes`` of tile ``row`` with all of tile ``first`` and later ones.

    In tile ``row`` itself a portrait meets only those after it: where ``first`` is ``row`` and ``lanes`` are
    all, this is every pair of the tile with itself and later tiles, once. Where rows of ``categories`` are
    given it meets all but itself.

    Parameters
    ----------
    row, first : int
    lanes : numpy.ndarray
        ``[L] int64``: places in the tile.
    tiles : Tiles
    cells : Cells
    frame : float
        Side in pixels of the frame of the pose distance.
    bounded : bool
        Whether pairs that a bound rules out are left out; the counts are the same without.
    counts : numpy.ndarray
        ``[N, 3] int64``, added to: pairs of both portraits in each category.
    histogram : numpy.ndarray
        ``[I * P + 1] int64``, added to: pairs in each cell, and outside.
    ruled_out : numpy.ndarray
        ``[2] int64``, added to: pairs that areas, and parts of the face, ruled out.
    categories : numpy.ndarray
        ``[L or 0, N] int8``, written to, in the candidates' own order: category of every pair.
    """
    total, side = len(tiles.order), tiles.words.shape[2]
    found = np.empty((side, side), np.int16)
    theirs = np.empty(side, np.uint64)
    for column in range(first, len(tiles.words)):
        width = min(side, total - column * side)
        _measure_tile(row, lanes, column, tiles, cells, frame, bounded, found, ruled_out)
        theirs[:] = 0
        for i in lanes:
            if row == column:
                found[i, i] = len(cells.categories) - 1
            mine = _count_cells(
                found[i], i + 1 if row == column else 0, width, cells.units, theirs, histogram
            )
            _unpack_counts(mine, counts[tiles.order[row * side + i]])
        for j in range(width):
            _unpack_counts(theirs[j], counts[tiles.order[column * side + j]])
        for k in range(len(categories)):
            for j in range(width):
                categories[k, tiles.order[column * side + j]] = cells.categories[found[lanes[k], j]]


@_compiled
def _measure_tile(row, lanes, column, tiles, cells, frame, bounded, found, ruled_out):
    """Write the cells of the pairs of portraits ``lanes`` of tile ``row`` with all of tile ``column``.

    ``found`` is ``[S, S] int16``.
    """
    side, points = tiles.words.shape[2], tiles.landmarks.shape[1]
    width = min(side, len(tiles.order) - column * side)
    outside = len(cells.categories) - 1
    poses_of_an_iou = len(cells.pose_edges) - 1
    mixed = np.flatnonzero((tiles.states[row] == MIXED) & (tiles.states[column] == MIXED))
    mine, theirs = tiles.words[row], tiles.words[column]
    # What is full in one tile is common to the extent that the other has it: counted once.
    filled = tiles.states[row] == FULL
    of_theirs = _bits_in(filled, tiles.areas[column])
    of_mine = _bits_in((tiles.states[column] == FULL) & ~filled, tiles.areas[row])
    shared = np.empty(side, np.int64)
    ious, poses = np.empty(side, np.int16), np.empty(side, np.int16)
    lengths = np.empty(side, np.float32)
    for i in lanes:
        area = tiles.face_areas[row, i]
        if bounded and _areas_rule_out(
            tiles.areas[row, i], tiles.largest[column], area + tiles.smallest_face[column], cells.iou_edges[0]
        ):
            found[i] = outside
            ruled_out[0] += width
            continue
        if bounded and _parts_rule_out(
            tiles.parts[row, i], tiles.boxes[column], points / frame, cells.pose_edges[-1]
        ):
            found[i] = outside
            ruled_out[1] += width
            continue
        for j in range(side):
            shared[j] = of_mine[i] + of_theirs[j]
        _add_intersections(mine, i, theirs, mixed, shared)
        if not _find_iou_cells(area, tiles.face_areas[column], shared, cells.iou_edges, ious):
            found[i] = outside
            continue
        _sum_lengths(tiles.points[row], i, tiles.points[column], lengths)
        _find_pose_cells(lengths, tiles.reach, cells.pose_edges, frame, points, poses)
        for j in range(side):
            if poses[j] == UNCERTAIN and ious[j] < outside and j < width:
                poses[j] = _exact_pose_cell(
                    tiles.landmarks[tiles.order[row * side + i]],
                    tiles.landmarks[tiles.order[column * side + j]],
                    cells.pose_edges,
                    frame,
                )
        for j in range(side):
            found[i, j] = min(ious[j] * poses_of_an_iou + poses[j], outside)


@_compiled
def _areas_rule_out(areas, largest, both_faces, lowest_iou):
    """Return whether no portrait of a tile can have an IoU above ``lowest_iou`` with the one of ``areas``.

    In no word are more bits common than either has. These are integers, and their quotient is rounded as that
    of a pair is; rounding keeps the order.
    """
    most = np.int64(0)
    for w in range(len(areas)):
        most += min(areas[w], largest[w])
    return both_faces > most and most / (both_faces - most) <= lowest_iou


@_compiled
def _parts_rule_out(parts, box, points_per_pixel, highest_pose):
    """Return whether all of a tile are at ``highest_pose`` or farther from the portrait of ``parts``.

    Points are on average at least as far apart as their means (triangle inequality), part by part.
    """
    total = 0.0
    for k in range(len(PARTS)):
        across = max(box[0, k, 0] - parts[k, 0], parts[k, 0] - box[1, k, 0], 0.0)
        down = max(box[0, k, 1] - parts[k, 1], parts[k, 1] - box[1, k, 1], 0.0)
        total += PARTS[k] * np.sqrt(across * across + down * down)
    return total * (1 - ROUNDING) >= highest_pose * points_per_pixel


@_compiled
def _bits_in(words, areas):
    """Return the bits ``[S]`` of each face in ``words`` ``[W] bool``, from its ``areas`` ``[S, W]``."""
    bits = np.empty(len(areas), np.int64)
    for j in range(len(areas)):
        total = np.int32(0)
        for w in range(len(words)):
            total += np.int32(areas[j, w]) * np.int32(words[w])
        bits[j] = total
    return bits


@_compiled
def _add_intersections(mine, i, theirs, mixed, shared):
    """Add the bits of words ``mixed`` that portrait ``i`` has in common with each of a tile to ``shared``."""
    fours = len(mixed) // 4 * 4
    for k in range(0, fours, 4):
        p, q, r, s = mixed[k], mixed[k + 1], mixed[k + 2], mixed[k + 3]
        a, b, c, d = mine[p, i], mine[q, i], mine[r, i], mine[s, i]
        for j in range(len(shared)):
            first = _bits_set(a & theirs[p, j]) + _bits_set(b & theirs[q, j])
            second = _bits_set(c & theirs[r, j]) + _bits_set(d & theirs[s, j])
            shared[j] += np.int64(first + second)
    for k in range(fours, len(mixed)):
        w = mixed[k]
        for j in range(len(shared)):
            shared[j] += np.int64(_bits_set(mine[w, i] & theirs[w, j]))


@_compiled
def _find_iou_cells(area, areas, shared, edges, cells):
    """Find the cells of the IoU of a face with those of a tile; return whether any is in the window."""
    last = len(edges) - 1
    per_unit = last / (edges[-1] - edges[0])
    inside = uncertain = 0
    for j in range(len(shared)):
        iou = shared[j] / max(area + areas[j] - shared[j], 1)
        place = (iou - edges[0]) * per_unit
        cell = int(place)
        beyond = place < -ROUNDING or place > last + ROUNDING
        certain = place - cell > ROUNDING and place - cell < 1 - ROUNDING
        cells[j] = OUTSIDE if beyond else cell if certain else UNCERTAIN
        inside += not beyond
        uncertain += not (beyond or certain)
    if uncertain:
        for j in range(len(shared)):
            if cells[j] == UNCERTAIN:
                iou = shared[j] / max(area + areas[j] - shared[j], 1)
                within = iou > edges[0] and iou <= edges[-1]
                cells[j] = np.searchsorted(edges, iou) - 1 if within else OUTSIDE
    return inside > 0


@_compiled
def _sum_lengths(mine, i, theirs, lengths):
    """Sum the distances of the points of portrait ``i`` from those of each of a tile, ``[2, 68, S]``."""
    for j in range(len(lengths)):
        lengths[j] = 0
    for p in range(0, mine.shape[1], 2):
        x, y, u, v = mine[0, p, i], mine[1, p, i], mine[0, p + 1, i], mine[1, p + 1, i]
        for j in range(len(lengths)):
            across, down = x - theirs[0, p, j], y - theirs[1, p, j]
            beside, below = u - theirs[0, p + 1, j], v - theirs[1, p + 1, j]
            lengths[j] += np.sqrt(across * across + down * down) + np.sqrt(beside * beside + below * below)


@_compiled
def _find_pose_cells(lengths, reach, edges, frame, points, cells):
    """Find the cells of pose distances from sums in float32; UNCERTAIN where these are too near to an edge.

    With coordinates up to ``r`` and unit roundoff ``u``, rounding moves a point by at most 1.5 u r, so the
    difference of two by 3 u r and, being rounded itself, 6 u r; squares, sum and root add 6 u r: 12 u r for
    every point. Adding them up adds less than 68 u of the sum.
    """
    last = len(edges) - 1
    per_unit = last / (edges[-1] - edges[0]) * frame / points
    start = edges[0] * points / frame
    for j in range(len(lengths)):
        length = np.float64(lengths[j])
        place = (length - start) * per_unit
        margin = UNIT_ROUNDOFF * points * (20 * reach + 2 * length) * per_unit + ROUNDING
        cell = int(place)
        certain = place - cell > margin and place - cell < 1 - margin
        cells[j] = OUTSIDE if place > last + margin else cell if certain else UNCERTAIN


@_compiled
def _exact_pose_cell(first, second, edges, frame):
    """Find the cell of one pose distance, added up in float64 in the order of its definition."""
    total = 0.0
    for p in range(len(first)):
        across, down = first[p, 0] - second[p, 0], first[p, 1] - second[p, 1]
        total += np.sqrt(across * across + down * down)
    pose = total * frame / len(first)
    within = pose >= edges[0] and pose < edges[-1]
    return np.searchsorted(edges, pose, side="right") - 1 if within else OUTSIDE


@_compiled
def _count_cells(found, start, end, units, theirs, histogram):
    mine = np.uint64(0)
    for j in range(start, end):
        cell = found[j]
        histogram[cell] += 1
        mine += units[cell]
        theirs[j] += units[cell]
    return mine


@_compiled
def _unpack_counts(packed, counts):
    for category in range(len(counts)):
        counts[category] += np.int64((packed >> np.uint64(16 * category)) & np.uint64(0xFFFF))
