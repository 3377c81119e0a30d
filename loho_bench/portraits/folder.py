"""A folder of photographs: which files are portraits, under which id, and what is wrong with the rest."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import translate
from pathlib import Path
from typing import Any

from loho_bench.errors import UserError
from loho_bench.portraits.images import RejectedImage, load_rgb
from loho_bench.storage import file_sha256

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def list_images(folder: str | Path, select: str = "*") -> list[Path]:
    """Return the image files in ``folder`` and its subfolders, sorted by id (the file's stem) and path.

    Hidden files and other suffixes than ``SUFFIXES`` (in either case) are passed over, and so are files whose
    id does not fit the pattern ``select`` (of a shell: ``*``, ``?``, ``[0-9]``).

    Raises
    ------
    UserError
        The folder is missing or holds no such image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(
            f"cannot read the folder of portraits '{folder}'",
            cause="there is no such folder",
            remedy="set portraits.folder to a folder of aligned portraits",
        )
    found = sorted(_images(folder, select))
    if not found:
        chosen = "" if select == "*" else f" whose id fits '{select}'"
        raise UserError(
            f"cannot use the folder of portraits '{folder}'",
            cause=f"it holds no image ({', '.join(SUFFIXES)}){chosen}",
            remedy="set portraits.folder to a folder of aligned portraits, and portraits.select to their ids",
        )
    return [Path(path) for _, path in found]


def inspect_image(path: Path) -> dict[str, Any]:
    """Read one image whole and return its row of the portraits table.

    The row has portrait_id, path, sha256, width, height (pixels, 0 where unknown), status ("ok" or
    "rejected"), reason ("" when ok) and parameters ("": it is no synthetic portrait).
    """
    row = {"portrait_id": path.stem, "path": str(path), "sha256": "", "width": 0, "height": 0}
    try:
        height, width = load_rgb(path).shape[:2]
        row |= {"sha256": file_sha256(path), "width": width, "height": height}
        reason = ""
    except RejectedImage as rejection:
        reason = rejection.reason
    except OSError as error:
        reason = f"unreadable ({error})"
    return {**row, "status": "rejected" if reason else "ok", "reason": reason, "parameters": ""}


def _images(folder: Path, select: str) -> Iterator[tuple[str, str]]:
    """Yield the ids and paths of image files. Text, not objects: there may be 70 000."""
    chosen = re.compile(translate(select)).match
    for place, _, names in os.walk(folder):
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in SUFFIXES and not name.startswith(".") and chosen(stem):
                path = os.path.join(place, name)
                if os.path.isfile(path):
                    yield stem, path


def reject_shared_ids(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Set aside every portrait whose id another file has too: none of them can be told from the others."""
    files = defaultdict(list)
    for row in rows:
        files[row["portrait_id"]].append(row["path"])
    return [
        row
        if len(files[row["portrait_id"]]) == 1
        else {
            **row,
            "status": "rejected",
            "reason": f"the id '{row['portrait_id']}' is shared by "
            f"{' and '.join(files[row['portrait_id']])}: keep or rename one of them",
        }
        for row in rows
    ]
