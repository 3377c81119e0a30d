"""Many photographs to a folder of aligned portraits: what fails is set aside, what is done is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, PngImagePlugin

from loho_bench.errors import UserError
from loho_bench.portraits.alignment import PORTRAIT_SIZE, TRANSFORM_SIZE, align_portrait, crop_quad
from loho_bench.portraits.folder import reject_shared_ids
from loho_bench.portraits.images import RejectedImage
from loho_bench.portraits.photographs import load_photograph
from loho_bench.progress import get_logger, track
from loho_bench.provenance import stable_hash
from loho_bench.storage import atomic_path, exclusive_lock, file_sha256, write_table

COLUMNS = ("portrait_id", "path", "source", "status", "reason", "quad")
TABLE = "alignment.csv"

_RECORD = "loho_bench alignment"
"""PNG text field that says what the portrait was made from, and how."""
_VERSION = 1
"""Of the recipe as it stands here: counted up when its portraits change."""


@dataclass(frozen=True)
class LandmarkSource:
    """Where the landmarks of photographs come from.

    Attributes
    ----------
    locate : callable
        Of an id and a photograph (``[H, W, 3] uint8``) gives ``[68, 2]`` pixels (the first pixel's centre is
        (0, 0)) and a remark; raises UserError where it has none.
    origin : callable
        Of an id gives what the landmarks depend on besides the photograph, for JSON.
    """

    locate: Callable[[str, np.ndarray], tuple[np.ndarray, str]]
    origin: Callable[[str], Any]


def align_photographs(
    photographs: Iterable[Path], out: str | Path, landmarks: LandmarkSource, size: int
) -> pd.DataFrame:
    """Write ``out/ID.png`` for every photograph that shows a face, and the table ``out/alignment.csv``.

    A portrait made before from the same photograph, landmarks and size is kept, so a killed run goes on where
    it stopped; one whose photograph cannot be aligned any more is deleted. Files that others made are never
    touched.

    Parameters
    ----------
    photographs : iterable of Path
        The id of each is its stem.
    out : path
    landmarks : LandmarkSource
    size : int
        Side of the portraits in pixels.

    Returns
    -------
    pandas.DataFrame
        The table: portrait_id, path (of the portrait), source, status ("ok" or "rejected"), reason (of a
        rejection, or a remark) and quad (the four corners in the photograph, upper left first and
        counter-clockwise, in pixels, as JSON).

    Raises
    ------
    UserError
        ``out`` cannot be written to.
    """
    out = Path(out)
    jobs = [{"portrait_id": path.stem, "path": str(path), "status": "", "reason": ""} for path in photographs]
    rows = []
    with exclusive_lock(out / ".align.lock"):
        for job in track(reject_shared_ids(jobs), "aligning photographs"):
            row = _row(Path(job["path"]), out, landmarks, size, job["reason"])
            if row["reason"]:
                get_logger("align").warning("%s %s: %s", row["source"], row["status"], row["reason"])
            rows.append(row)
        table = pd.DataFrame(rows, columns=list(COLUMNS))
        write_table(table, out / TABLE)
    return table


def _row(source: Path, out: Path, landmarks: LandmarkSource, size: int, reason: str) -> dict[str, Any]:
    portrait = out / f"{source.stem}.png"
    row = {"portrait_id": source.stem, "path": "", "source": str(source), "status": "rejected", "quad": ""}
    kept = _record_of(portrait)
    if portrait.exists() and not kept:
        return {**row, "reason": f"{portrait} was not made by 'loho-bench align': choose another folder"}
    image = None
    if not reason:
        try:
            record, image = _align(source, kept, landmarks, size)
        except RejectedImage as rejection:
            reason = rejection.reason
        except UserError as error:
            reason = f"{error.cause}: {error.remedy}"
        except OSError as error:
            reason = f"unreadable ({error})"
    if reason:
        portrait.unlink(missing_ok=True)
        return {**row, "reason": reason}
    if image is not None:
        _write(image, record, portrait)
    return {**row, "path": str(portrait), "status": "ok", "reason": record["remark"], "quad": record["quad"]}


def _align(
    source: Path, kept: dict[str, str], landmarks: LandmarkSource, size: int
) -> tuple[dict[str, str], np.ndarray | None]:
    """Return the record of a portrait and its pixels; no pixels where the portrait that is there will do."""
    origin = stable_hash([_VERSION, file_sha256(source), landmarks.origin(source.stem), size])
    if kept.get("origin") == origin:
        return kept, None
    photograph = load_photograph(source)
    points, remark = landmarks.locate(source.stem, photograph)
    image = align_portrait(photograph, points, size, size * TRANSFORM_SIZE // PORTRAIT_SIZE)
    quad = crop_quad(points)
    side = np.hypot(*(quad[3] - quad[0]))
    if side < size:
        enlarged = f"enlarged: its part of the photograph is only {side:.0f} pixels wide"
        remark = f"{remark}; {enlarged}" if remark else enlarged
    return {"origin": origin, "quad": json.dumps(quad.round(2).tolist()), "remark": remark}, image


def _write(image: np.ndarray, record: dict[str, str], portrait: Path) -> None:
    fields = PngImagePlugin.PngInfo()
    fields.add_text(_RECORD, json.dumps(record))
    with atomic_path(portrait) as temporary:
        Image.fromarray(image).save(temporary, format="PNG", pnginfo=fields)


def _record_of(portrait: Path) -> dict[str, str]:
    """Return what a portrait says of its making; empty if it is absent, damaged or by someone else."""
    try:
        with Image.open(portrait) as image:
            image.load()
            return json.loads(image.info[_RECORD])
    except (OSError, KeyError, ValueError, SyntaxError):
        return {}
