"""Photographs as a camera leaves them: which there are, their pixels, and landmarks given for them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from loho_bench.errors import UserError
from loho_bench.portraits.folder import list_images
from loho_bench.portraits.images import decode_rgb, too_large
from loho_bench.storage import read_table

LARGEST_PHOTOGRAPH = 16384
"""Above this side a file is taken for a mistake; Pillow itself refuses more than 179 million pixels."""

COLUMNS = ("portrait_id", "point", "x", "y")
_POINTS = 68


def list_photographs(places: Iterable[str | Path], leave_out: str | Path) -> list[Path]:
    """Return the photographs among files and folders (with their subfolders), sorted by id and path.

    Parameters
    ----------
    places : iterable of path
        Files are taken as they are; of folders what :func:`loho_bench.portraits.folder.list_images` finds.
    leave_out : path
        Folder whose files are passed over: the results may lie below the photographs.

    Raises
    ------
    UserError
        A file or folder is missing, or a folder holds no photograph.
    """
    results = Path(leave_out).resolve()
    found: dict[Path, Path] = {}
    for place in map(Path, places):
        for path in [place] if place.is_file() else _in_folder(place):
            if not path.resolve().is_relative_to(results):
                found.setdefault(path.resolve(), path)
    return sorted(found.values(), key=lambda path: (path.stem, str(path)))


def load_photograph(path: str | Path) -> np.ndarray:
    """Read a photograph as :func:`loho_bench.portraits.images.decode_rgb` does, upright as EXIF says.

    Returns
    -------
    numpy.ndarray
        ``[H, W, 3] uint8`` RGB.

    Raises
    ------
    RejectedImage
        The file cannot be read, or a side is longer than ``LARGEST_PHOTOGRAPH``.
    """
    return decode_rgb(path, _check_sides)


def read_pixel_landmarks(path: str | Path) -> dict[str, np.ndarray]:
    """Read a csv table ``portrait_id,point,x,y`` of 68 points a photograph, in pixels of the upright picture.

    Returns
    -------
    dict of str to numpy.ndarray
        ``[68, 2] float64`` by id; not a number where a point is missing, is there twice or is no number.

    Raises
    ------
    UserError
        The file is missing, is no table or lacks a column.
    """
    table = read_table(path)
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise UserError(
            f"cannot read the landmarks '{path}'",
            cause=f"its columns are {', '.join(map(str, table.columns))}: no {', '.join(missing)}",
            remedy=f"give a csv file with the columns {','.join(COLUMNS)}, {_POINTS} points a photograph",
        )
    return {portrait_id: _points(rows) for portrait_id, rows in table.groupby("portrait_id")}


def _points(rows: pd.DataFrame) -> np.ndarray:
    numbers = rows[["point", "x", "y"]].apply(pd.to_numeric, errors="coerce")
    once = numbers.drop_duplicates("point", keep=False).set_index("point")
    return once.reindex(range(_POINTS)).to_numpy(dtype=np.float64)


def _in_folder(folder: Path) -> list[Path]:
    try:
        return list_images(folder)
    except UserError as error:
        raise UserError(
            f"cannot align '{folder}'", cause=error.cause, remedy="give photographs, or folders of them"
        ) from error


def _check_sides(path: Path, width: int, height: int) -> None:
    if max(width, height) > LARGEST_PHOTOGRAPH:
        raise too_large(path, f"{width}x{height} pixels", LARGEST_PHOTOGRAPH)
