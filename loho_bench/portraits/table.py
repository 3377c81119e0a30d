"""The portraits table: synthetic portraits drawn and saved, or a folder inspected."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from PIL import Image, PngImagePlugin

from loho_bench.errors import UserError
from loho_bench.portraits import synthetic
from loho_bench.portraits.folder import inspect_image, list_images, reject_shared_ids
from loho_bench.portraits.synthetic.version import renderer_hash
from loho_bench.processes import process_pool
from loho_bench.progress import get_logger, track
from loho_bench.provenance import derive_seed, stable_hash
from loho_bench.settings.project import Settings
from loho_bench.storage import atomic_path, file_sha256, write_table

COLUMNS = ("portrait_id", "path", "sha256", "width", "height", "status", "reason", "parameters")

_ORIGIN = "loho_bench origin"
"""PNG text field that says from which parameters and which renderer a synthetic portrait was drawn."""

Item = TypeVar("Item")


def write_portraits(settings: Settings, out: str | Path, workers: int = 1) -> None:
    """Write the table of portraits; synthetic ones are drawn into ``images/`` beside it.

    Portraits already drawn from the same parameters by the same renderer are kept, so a killed run goes on
    where it stopped. Photographs stay where they are; the table holds their paths.

    Parameters
    ----------
    settings : Settings
        ``seed`` and the group ``portraits`` are read.
    out : str or Path
        Parquet or csv file with the columns ``COLUMNS``, a row per portrait, sorted by portrait_id.
    workers : int
        Processes to use; the result does not depend on their number.

    Raises
    ------
    UserError
        The folder is missing, holds no image, or none of its images can be used; or ``out`` cannot be
        written.
    """
    if settings.portraits.source == "synthetic":
        draw = partial(
            _draw, images=Path(out).parent / "images", size=settings.portraits.size, run_seed=settings.seed
        )
        steps = _map(draw, range(settings.portraits.count), workers)
        rows = list(track(steps, "drawing portraits", settings.portraits.count))
    else:
        paths = list_images(settings.portraits.folder, settings.portraits.select)
        rows = list(track(_map(inspect_image, paths, workers), "inspecting portraits", len(paths)))
        rows = reject_shared_ids(rows)
        _report_rejected(rows, settings.portraits.folder)
    write_table(pd.DataFrame(rows, columns=list(COLUMNS)), out)


def _draw(index: int, images: Path, size: int, run_seed: int) -> dict[str, Any]:
    portrait_id = f"synthetic-{index:05d}"
    path = images / f"{portrait_id}.png"
    parameters = synthetic.sample_parameters(derive_seed("portrait", run_seed, index))
    values = parameters.to_dict()
    origin = stable_hash([values, size, renderer_hash()])
    if _origin_of(path) != origin:
        fields = PngImagePlugin.PngInfo()
        fields.add_text(_ORIGIN, origin)
        with atomic_path(path) as temporary:
            image = synthetic.render(parameters, size).image
            Image.fromarray(image).save(temporary, format="PNG", pnginfo=fields)
    return {
        "portrait_id": portrait_id,
        "path": str(path),
        "sha256": file_sha256(path),
        "width": size,
        "height": size,
        "status": "ok",
        "reason": "",
        "parameters": json.dumps(values, sort_keys=True),
    }


def _origin_of(path: Path) -> str | None:
    try:
        with Image.open(path) as image:
            image.load()
            return image.info.get(_ORIGIN)
    except (OSError, SyntaxError, ValueError):
        return None


def _map(function: Callable[[Item], dict], items: Iterable[Item], workers: int) -> Iterator[dict]:
    if workers <= 1:
        yield from map(function, items)
        return
    with process_pool(workers) as pool:
        yield from pool.map(function, items, chunksize=8)


def _report_rejected(rows: list[dict[str, Any]], folder: str) -> None:
    rejected = [row for row in rows if row["status"] == "rejected"]
    for row in rejected:
        get_logger("portraits").warning("set aside %s: %s", row["path"], row["reason"])
    if len(rejected) == len(rows):
        raise UserError(
            f"no image of the folder '{folder}' can be used",
            cause="; ".join(f"{Path(row['path']).name}: {row['reason']}" for row in rejected[:5]),
            remedy="mend these files, or set portraits.folder to another folder",
        )
