"""One job of annotation: a slice of the portraits, from images to rows of masks and landmarks.

It is a pipeline. Threads decode and reduce the files ahead of the networks, these see a batch at a time, and
rows go to the disk group by group: memory does not grow with the number of portraits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from loho_bench.annotation.choice import choose_device, choose_landmarks, choose_parser
from loho_bench.annotation.given import GivenLandmarks, RejectedAnnotation, read_landmarks, read_masks
from loho_bench.annotation.parsing import find_hair_and_face
from loho_bench.annotation.prefetch import prefetch
from loho_bench.annotation.protocols import ExplainingDetector, LandmarkDetector, Parser
from loho_bench.annotation.record import Annotation, rejected_row, write_rows
from loho_bench.errors import UserError
from loho_bench.portraits.images import RejectedImage, load_resized, to_tensor
from loho_bench.progress import get_logger, track
from loho_bench.settings.project import Settings
from loho_bench.storage import read_table, shard_of

BATCH = 16
"""Portraits that the networks see together."""
AHEAD = 2 * BATCH
"""Portraits decoded before the networks ask for them."""


def annotate_shard(
    portraits_table: str | Path, settings: Settings, shard: int | None, out: str | Path
) -> None:
    """Annotate portraits ``shard * shard_size`` to ``(shard + 1) * shard_size`` of those with status "ok".

    A portrait that cannot be annotated gets a row with status "rejected" and the reason; it never stops the
    others. One without hair is annotated with its fraction of 0 and a remark: it is merely ineligible. A
    shard beyond the last portrait is an empty table.

    Parameters
    ----------
    portraits_table : path
        Table of :func:`loho_bench.portraits.table.write_portraits`.
    settings : Settings
        The groups ``annotation``, ``networks`` and ``weights`` are read.
    shard : int or None
        Number of the slice, from 0; None takes all portraits together.
    out : path
        Parquet table to write, columns ``loho_bench.annotation.record.COLUMNS``.

    Raises
    ------
    UserError
        The table of portraits, the given landmarks, the folder of given masks or the weights cannot be read,
        or ``out`` cannot be written.
    """
    chosen = settings.annotation
    portraits = read_table(portraits_table)
    usable = portraits[portraits["status"] == "ok"]
    part = shard_of(usable, shard, chosen.shard_size)
    if chosen.source == "given":
        if not Path(chosen.masks).is_dir():
            raise UserError(
                f"cannot read the given masks '{chosen.masks}'",
                cause="there is no such folder",
                remedy="set annotation.masks to a folder of masks, one ID.png a portrait",
            )
        landmarks = read_landmarks(chosen.landmarks)
        rows = annotate_given(part["portrait_id"], chosen.masks, landmarks, chosen.mask_size)
    else:
        device = choose_device()
        parser, detector = choose_parser(settings, device), choose_landmarks(settings, device)
        arithmetic = partial(
            torch.autocast, device.type, torch.bfloat16, enabled=chosen.precision == "bfloat16"
        )
        rows = annotate_images(part, parser, detector, chosen.mask_size, arithmetic)
    of_shard = "" if shard is None else f", shard {shard}"
    write_rows(track(_reported(rows), f"annotating portraits{of_shard}", len(part)), out)


def annotate_given(
    portrait_ids: Iterable[str], masks: str | Path, landmarks: GivenLandmarks, mask_size: int
) -> Iterator[dict[str, Any]]:
    """Yield the rows of portraits whose masks and landmarks the user brings."""
    for portrait_id in portrait_ids:
        try:
            hair, face = read_masks(masks, portrait_id, mask_size)
            yield _row(portrait_id, hair, face, landmarks.of(portrait_id))
        except RejectedAnnotation as rejection:
            yield rejected_row(portrait_id, mask_size, str(rejection))


def annotate_images(
    portraits: pd.DataFrame,
    parser: Parser,
    detector: LandmarkDetector,
    mask_size: int,
    arithmetic: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of portraits (columns portrait_id, path) that networks look at, in their order.

    The networks see every portrait at the larger of their two sizes, whatever its own. Each batch is
    computed in a context that ``arithmetic`` makes.
    """
    read = partial(_read, size=max(parser.size, detector.size))
    with closing(prefetch(read, portraits["path"], torch.get_num_threads(), AHEAD)) as pictures:
        for start in range(0, len(portraits), BATCH):
            portrait_ids = portraits["portrait_id"].iloc[start : start + BATCH]
            batch = dict(zip(portrait_ids, islice(pictures, BATCH), strict=True))
            with arithmetic():
                rows = _annotate_batch(batch, parser, detector, mask_size)
            yield from (rows[portrait_id] for portrait_id in portrait_ids)


def _read(path: str, size: int) -> np.ndarray | RejectedImage:
    """Return a portrait ``[size, size, 3] uint8``, or why there is none."""
    try:
        return load_resized(path, size)
    except RejectedImage as rejection:
        return rejection


def _annotate_batch(
    batch: dict[str, np.ndarray | RejectedImage], parser: Parser, detector: LandmarkDetector, mask_size: int
) -> dict[str, dict[str, Any]]:
    """Return the rows of portraits by their ids."""
    images = {name: image for name, image in batch.items() if isinstance(image, np.ndarray)}
    rows = {
        name: rejected_row(name, mask_size, rejection.reason)
        for name, rejection in batch.items()
        if isinstance(rejection, RejectedImage)
    }
    if images:
        shown = to_tensor(np.stack(list(images.values())))
        if torch.cuda.is_available():
            shown = shown.pin_memory()  # lets the networks' copies to the GPU run beside their work
        masks = find_hair_and_face(shown, parser, mask_size)
        landmarks = _detect(detector, shown)
        for name, hair, face, found in zip(images, *masks, landmarks, strict=True):
            rows[name] = _row(name, hair, face, *found)
    return rows


def _reported(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Pass rows on; those with a remark are logged."""
    for row in rows:
        if row["reason"]:
            get_logger("annotation").warning("%s %s: %s", row["portrait_id"], row["status"], row["reason"])
        yield row


def _detect(detector: LandmarkDetector, images: Tensor) -> list[tuple[np.ndarray, str]]:
    """Return the landmarks ``[68, 2]`` of each portrait, and what the detector has to say of them."""
    if isinstance(detector, ExplainingDetector):
        landmarks, remarks = detector.detect_explained(images)
    else:
        landmarks, remarks = detector.detect(images), [""] * len(images)
    return list(zip(landmarks.cpu().numpy(), remarks, strict=True))


def _row(
    portrait_id: str, hair: np.ndarray, face: np.ndarray, landmarks: np.ndarray, remark: str = ""
) -> dict[str, Any]:
    if not face.any():
        return rejected_row(portrait_id, hair.shape[0], "no face found")
    if not np.isfinite(landmarks).all():
        return rejected_row(portrait_id, hair.shape[0], remark or "missing landmarks: some were not found")
    no_hair = "" if hair.any() else "no hair found: the portrait takes part in no tuple"
    note = "; ".join(filter(None, (remark, no_hair)))
    return Annotation(portrait_id, hair, face, landmarks, note).to_row()
