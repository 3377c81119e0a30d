"""One job of annotation: a slice of the portraits, from images to rows of masks and landmarks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from loho_bench.annotation.choice import choose_device, choose_landmarks, choose_parser
from loho_bench.annotation.given import GivenLandmarks, RejectedAnnotation, read_landmarks, read_masks
from loho_bench.annotation.parsing import find_hair_and_face
from loho_bench.annotation.protocols import ExplainingDetector, LandmarkDetector, Parser
from loho_bench.annotation.record import COLUMNS, Annotation, rejected_row
from loho_bench.errors import UserError
from loho_bench.portraits.images import RejectedImage, load_rgb, resize, to_tensor
from loho_bench.progress import get_logger, track
from loho_bench.settings.project import Settings
from loho_bench.storage import read_table, shard_of, write_table

BATCH = 16
"""Portraits that the networks see together."""


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
        rows = annotate_images(part, parser, detector, chosen.mask_size)
    of_shard = "" if shard is None else f", shard {shard}"
    done = list(track(rows, f"annotating portraits{of_shard}", len(part)))
    for row in done:
        if row["reason"]:
            get_logger("annotation").warning("%s %s: %s", row["portrait_id"], row["status"], row["reason"])
    write_table(pd.DataFrame(done, columns=list(COLUMNS)), out)


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
    portraits: pd.DataFrame, parser: Parser, detector: LandmarkDetector, mask_size: int
) -> Iterator[dict[str, Any]]:
    """Yield the rows of portraits (columns portrait_id, path) that networks look at, in their order.

    The networks see every portrait at the larger of their two sizes, whatever its own.
    """
    size = max(parser.size, detector.size)
    for start in range(0, len(portraits), BATCH):
        batch = portraits.iloc[start : start + BATCH]
        images: dict[str, np.ndarray] = {}
        rows: dict[str, dict[str, Any]] = {}
        for portrait_id, path in zip(batch["portrait_id"], batch["path"], strict=True):
            try:
                images[portrait_id] = resize(load_rgb(path), size)
            except RejectedImage as rejection:
                rows[portrait_id] = rejected_row(portrait_id, mask_size, rejection.reason)
        if images:
            shown = to_tensor(np.stack(list(images.values())))
            masks = find_hair_and_face(shown, parser, mask_size)
            landmarks = _detect(detector, shown)
            for portrait_id, hair, face, found in zip(images, *masks, landmarks, strict=True):
                rows[portrait_id] = _row(portrait_id, hair, face, *found)
        yield from (rows[portrait_id] for portrait_id in batch["portrait_id"])


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
