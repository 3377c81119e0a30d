"""Candidates in the order and the form in which their pairs are measured fastest.

Portraits with alike faces stand together, in tiles. A word of 8 x 8 pixels is then mostly empty, or mostly
full, in all of a tile, and says the same of every pair of two tiles: only the others need be compared. The
order changes the time, never the result.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

TILE = 64
"""Portraits of a tile: what two tiles compare stays in the caches of one processor."""
PARTS = (17, 10, 9, 12, 20)
"""How many of the 68 points are jaw, brows, nose, eyes and mouth, in this order."""
EMPTY, MIXED, FULL = 0, 1, 2
"""A word in all portraits of a tile."""
_COMPONENTS = 8
_WORD = 64


class Tiles(NamedTuple):
    """``N`` portraits in ``T`` tiles of ``S``; the last tile is filled up with empty faces.

    Attributes
    ----------
    order : numpy.ndarray
        ``[N] int64``: which candidate stands at which place.
    words : numpy.ndarray
        ``[T, W, S] uint64``: face masks as bits.
    areas : numpy.ndarray
        ``[T, S, W] uint8``: bits set in every word.
    face_areas : numpy.ndarray
        ``[T, S] int64``: bits set in all words together.
    largest : numpy.ndarray
        ``[T, W] uint8``: the most bits that a portrait of the tile has in a word.
    smallest_face : numpy.ndarray
        ``[T] int64``: the smallest face of the tile.
    states : numpy.ndarray
        ``[T, W] uint8``: EMPTY, MIXED or FULL.
    points : numpy.ndarray
        ``[T, 2, 68, S] float32``: x and y of the landmarks, from their mean over all portraits.
    reach : float
        Largest absolute value of ``points``.
    landmarks : numpy.ndarray
        ``[N, 68, 2] float64``: exactly those of the candidates, in the candidates' order.
    parts : numpy.ndarray
        ``[T, S, 5, 2] float64``: mean landmark of every part of the face.
    boxes : numpy.ndarray
        ``[T, 2, 5, 2] float64``: smallest and largest ``parts`` of the tile.
    """

    order: np.ndarray
    words: np.ndarray
    areas: np.ndarray
    face_areas: np.ndarray
    largest: np.ndarray
    smallest_face: np.ndarray
    states: np.ndarray
    points: np.ndarray
    reach: float
    landmarks: np.ndarray
    parts: np.ndarray
    boxes: np.ndarray


def arrange(face_words: np.ndarray, landmarks: np.ndarray, side: int = TILE) -> Tiles:
    """Sort portraits into tiles.

    Parameters
    ----------
    face_words : numpy.ndarray
        ``[N, W] uint64``, ``N >= 1``.
    landmarks : numpy.ndarray
        ``[N, 68, 2] float64``.
    side : int
        Portraits of a tile.
    """
    count, width = face_words.shape
    tiles = -(-count // side)
    order = _alike_together(np.bitwise_count(face_words), side)
    # Those that fill up the last tile have no face, and the landmarks of the last portrait.
    places = np.pad(order, (0, tiles * side - count), mode="edge")
    words = np.empty((tiles, width, side), np.uint64)
    for tile in range(tiles):
        words[tile] = face_words[places[tile * side : (tile + 1) * side]].T
    words[-1, :, side - (tiles * side - count) :] = 0
    areas = np.ascontiguousarray(np.bitwise_count(words).transpose(0, 2, 1))
    face_areas = areas.sum(axis=2, dtype=np.int64)
    present = (np.arange(tiles * side) < count).reshape(tiles, side)
    largest = areas.max(axis=1, initial=0)
    least = np.where(present[..., None], areas, _WORD).min(axis=1, initial=_WORD)
    states = np.where(largest == 0, EMPTY, np.where(least == _WORD, FULL, MIXED)).astype(np.uint8)
    centred = (landmarks - landmarks.mean(axis=0)).astype(np.float32)
    starts = np.cumsum((0, *PARTS[:-1]))
    parts = np.add.reduceat(landmarks, starts, axis=1) / np.array(PARTS)[:, None]
    parts = parts[places].reshape(tiles, side, len(PARTS), 2)
    return Tiles(
        order=order,
        words=words,
        areas=areas,
        face_areas=face_areas,
        largest=largest,
        smallest_face=np.where(present, face_areas, np.iinfo(np.int64).max).min(axis=1),
        states=states,
        points=np.ascontiguousarray(centred[places].reshape(tiles, side, -1, 2).transpose(0, 3, 2, 1)),
        reach=float(np.abs(centred).max()),
        landmarks=np.ascontiguousarray(landmarks, dtype=np.float64),
        parts=parts,
        boxes=np.stack([parts.min(axis=1), parts.max(axis=1)], axis=1),
    )


def _alike_together(areas: np.ndarray, side: int) -> np.ndarray:
    """Return an order ``[N]`` in which portraits with alike ``areas`` ``[N, W] uint8`` are near each other.

    Halves are halved along the direction in which they are spread most, of the main ones of all portraits.
    """
    spread = areas - areas.mean(axis=0, dtype=np.float32)
    directions = np.linalg.eigh(spread.T @ spread)[1][:, -_COMPONENTS:]
    position = spread @ directions
    runs, leaves = [np.arange(len(areas))], []
    while runs:
        run = runs.pop()
        if len(run) <= side:
            leaves.append(run)
            continue
        along = position[run, position[run].std(axis=0).argmax()]
        run = run[np.argsort(along, kind="stable")]
        middle = (len(run) // side + 1) // 2 * side
        runs += [run[middle:], run[:middle]]
    return np.concatenate(leaves)
