"""Annotations that the user brings: a folder of RGB masks and a table of landmarks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from loho_bench.annotation.record import POINTS
from loho_bench.errors import UserError

LANDMARK_COLUMNS = ("portrait_id", "point", "x", "y")
LANDMARK_RANGE = (-0.5, 1.5)
"""A point may lie outside the frame, but a value far outside is in pixels, not a fraction."""

_THRESHOLD = 127


class RejectedAnnotation(Exception):
    """What is given for one portrait cannot be used; the message is the reason."""


def read_masks(folder: str | Path, portrait_id: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Read ``folder/portrait_id.png``: red above 127 is hair, blue above 127 is face.

    A square mask of another size is resized to the nearest pixel, so that no new values arise.

    Returns
    -------
    tuple of numpy.ndarray
        Hair and face, ``[size, size] bool``.

    Raises
    ------
    RejectedAnnotation
        The file is missing, unreadable, not square or not in colour.
    """
    path = Path(folder) / f"{portrait_id}.png"
    if not path.is_file():
        raise RejectedAnnotation(f"given mask missing: there is no {path}")
    try:
        with Image.open(path) as mask:
            if mask.width != mask.height:
                raise RejectedAnnotation(
                    f"given mask {path} is {mask.width}x{mask.height} pixels: portraits are square"
                )
            if mask.mode not in ("RGB", "RGBA", "P"):
                raise RejectedAnnotation(
                    f"given mask {path} is no RGB image (mode {mask.mode}): red marks hair, blue marks face"
                )
            # Palette indices mean nothing between neighbours: colours first, then the size.
            colours = mask.convert("RGB").resize((size, size), Image.Resampling.NEAREST)
    except RejectedAnnotation:
        raise
    except UnidentifiedImageError as error:
        raise RejectedAnnotation(f"given mask {path} is unreadable: no image of a known format") from error
    except Exception as error:
        # A damaged file can fail in any way inside a decoder (struct, zlib, index errors ...).
        raise RejectedAnnotation(f"given mask {path} is unreadable or truncated ({error})") from error
    channels = np.asarray(colours)
    return channels[..., 0] > _THRESHOLD, channels[..., 2] > _THRESHOLD


def colour_masks(hair: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Return the picture ``[M, M, 3] uint8`` that :func:`read_masks` reads: hair red, face blue."""
    picture = np.zeros((*hair.shape, 3), dtype=np.uint8)
    picture[hair, 0] = picture[face, 2] = 255
    return picture


@dataclass(frozen=True)
class GivenLandmarks:
    """The landmarks of many portraits, and what is wrong with those that cannot be used."""

    path: Path
    points: dict[str, np.ndarray] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def of(self, portrait_id: str) -> np.ndarray:
        """Return ``[68, 2] float32`` fractions of width and height, iBUG order.

        Raises
        ------
        RejectedAnnotation
            The table has no points of this portrait, or they cannot be used.
        """
        if portrait_id in self.points:
            return self.points[portrait_id]
        raise RejectedAnnotation(
            self.problems.get(portrait_id, f"missing landmarks: {self.path} has no row of '{portrait_id}'")
        )


def read_landmarks(path: str | Path) -> GivenLandmarks:
    """Read a csv table ``portrait_id,point,x,y``: 68 points a portrait, fractions of the frame, iBUG order.

    A portrait with a bad line is kept out by name; the others stay usable.

    Raises
    ------
    UserError
        The file is missing, is no csv table or lacks a column.
    """
    path = Path(path)
    table = _read_table(path)
    # A bad line says more than a count that does not come out.
    problems = _wrong_counts(path, table) | _bad_lines(path, table)
    whole = table[~table["portrait_id"].isin(list(problems))].sort_values(["portrait_id", "number"])
    points = whole[["x_value", "y_value"]].to_numpy(dtype=np.float32).reshape(-1, POINTS, 2)
    return GivenLandmarks(path, dict(zip(whole["portrait_id"].unique(), points, strict=True)), problems)


def _read_table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise _unusable(path, "there is no such file")
    try:
        table = _parse(path)
    except (ValueError, OSError) as error:
        raise _unusable(path, f"it is no csv table ({str(error).strip()})") from error
    table.columns = [str(name).strip() for name in table.columns]
    missing = [name for name in LANDMARK_COLUMNS if name not in table.columns]
    if missing:
        raise _unusable(path, f"its columns are {', '.join(table.columns)}: no {', '.join(missing)}")
    table = table[list(LANDMARK_COLUMNS)].fillna("")
    table["portrait_id"] = table["portrait_id"].str.strip()
    # Line 1 of the file is the header.
    table["line"] = np.arange(len(table)) + 2
    for name, text in (("number", "point"), ("x_value", "x"), ("y_value", "y")):
        table[name] = pd.to_numeric(table[text], errors="coerce").astype(np.float64)
    return table[table["portrait_id"] != ""]


def _parse(path: Path) -> pd.DataFrame:
    # Everything as text: "00018" stays an id, and a broken number is met where its line is known.
    options = {"dtype": str, "keep_default_na": False, "skip_blank_lines": False, "encoding": "utf-8-sig"}
    try:
        return pd.read_csv(path, **options)
    except pd.errors.ParserError:
        # A line with too many fields costs its portrait, not the table; only the slow parser goes on.
        too_long = {"on_bad_lines": lambda fields: [fields[0], "of too many fields"]}
        return pd.read_csv(path, engine="python", **too_long, **options)


def _bad_lines(path: Path, table: pd.DataFrame) -> dict[str, str]:
    low, high = LANDMARK_RANGE
    values = table[["number", "x_value", "y_value"]]
    checks = (
        (~np.isfinite(values).all(axis=1), "a value is no finite number"),
        (~table["number"].isin(range(POINTS)), f"the point is not one of 0 to {POINTS - 1}"),
        (table.duplicated(["portrait_id", "number"]), "the point is there twice"),
        (
            ~(table["x_value"].between(low, high) & table["y_value"].between(low, high)),
            f"x or y lies outside [{low}, {high}]: fractions of width and height are expected, not pixels",
        ),
    )
    problems: dict[str, str] = {}
    for failed, reason in checks:
        for bad in table[failed].drop_duplicates("portrait_id").itertuples():
            problems.setdefault(
                bad.portrait_id,
                f"landmarks of '{bad.portrait_id}' in {path}, line {bad.line} "
                f"(point {bad.point}, x {bad.x}, y {bad.y}): {reason}",
            )
    return problems


def _wrong_counts(path: Path, table: pd.DataFrame) -> dict[str, str]:
    counts = table.groupby("portrait_id").size()
    return {
        portrait_id: f"missing landmarks: {path} has {count} points of '{portrait_id}' instead of {POINTS}"
        for portrait_id, count in counts[counts != POINTS].items()
    }


def _unusable(path: Path, cause: str) -> UserError:
    return UserError(
        f"cannot read the landmarks '{path}'",
        cause=cause,
        remedy=f"set annotation.landmarks to a csv file with the columns {','.join(LANDMARK_COLUMNS)}, "
        f"{POINTS} points a portrait",
    )
