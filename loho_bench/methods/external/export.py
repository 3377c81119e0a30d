"""The inputs of another program: portraits, masks and the list of tuples, as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from loho_bench.annotation.masks import resize_mask
from loho_bench.methods.external.exchange import (
    TRIPLES,
    Triple,
    exchange_size,
    file_stem,
    fingerprint,
    result_file,
    stems_of,
    write_triples,
)
from loho_bench.methods.external.spec import external_entry, external_spec
from loho_bench.methods.inputs import ROLES, TupleInputs
from loho_bench.methods.results import ResultFolder
from loho_bench.progress import get_logger, track
from loho_bench.settings.project import Settings
from loho_bench.storage import exclusive_lock, read_table, shard_of, write_png

_IMAGES, _HAIR, _FACE = "portraits", "hair", "face"


def export_inputs(
    method: str,
    tuples: Sequence[str | Path],
    portraits: str | Path,
    annotations: Sequence[str | Path],
    settings: Settings,
    out: str | Path,
    *,
    outputs: str | Path | None = None,
    shard: int | None = None,
    results: str | Path | None = None,
) -> int:
    """Write what another program needs of some tuples into a folder of its own.

    ``portraits/NAME.png`` (RGB), ``hair/NAME.png`` and ``face/NAME.png`` (grey, 255 is hair or face) hold
    every portrait once, ``size`` pixels a side. ``triples.tsv`` and ``triples.txt`` list the tuples; they are
    written last. Images of an earlier export that are not needed any more are removed.

    Parameters
    ----------
    method : str
        Name of an entry in ``settings.external``.
    tuples : sequence of path
        Tables of tuples.
    portraits, annotations : paths
        Tables of the stages before.
    settings : Settings
        ``external`` and ``transfer`` are read.
    out : path
        Folder to write to.
    outputs : path, optional
        Folder in which the program shall put its results; by default ``out``.
    shard : int, optional
        Which slice of each table, of ``transfer.shard_size`` tuples; by default all of them.
    results : path, optional
        The method's folder of results: tuples that are finished there are left out.

    Returns
    -------
    int
        Tuples listed.

    Raises
    ------
    UserError
        The settings have no such entry, a table or an image cannot be read, or the folder not be written to.
    """
    entry, resolution = external_entry(method, settings), settings.transfer.resolution
    out, outputs = Path(out), Path(outputs or out)
    inputs = TupleInputs.read(portraits, annotations, exchange_size(entry, resolution))
    finished = results and ResultFolder(
        Path(results), external_spec(method, entry), entry.computing, settings
    )
    records, triples = [], []
    for record in _records(tuples, shard, settings.transfer.shard_size):
        mark = fingerprint(entry, record, inputs, resolution)
        if finished and finished.is_finished(record["tuple_id"], mark):
            continue
        stems = stems_of(record)
        paths = {role: str(out / _IMAGES / f"{stem}.png") for role, stem in stems.items()}
        result = outputs / result_file(entry, record["tuple_id"], stems)
        records.append(record)
        triples.append(Triple(record["tuple_id"], **paths, output=str(result), fingerprint=mark))
    with exclusive_lock(out / ".lock"):
        # A list never vouches for portraits that are about to be replaced.
        (out / TRIPLES).unlink(missing_ok=True)
        _write_portraits(dict.fromkeys(record[role] for record in records for role in ROLES), inputs, out)
        write_triples(triples, out)
    get_logger("external").info("%d tuples for '%s' are in %s", len(triples), method, out)
    return len(triples)


def _records(tables: Sequence[str | Path], shard: int | None, size: int) -> list[Mapping[str, Any]]:
    parts = (shard_of(read_table(path), shard, size) for path in tables)
    return [record for part in parts for record in part.to_dict("records")]


def _write_portraits(portrait_ids: Sequence[str], inputs: TupleInputs, out: Path) -> None:
    names = {f"{file_stem(portrait_id)}.png" for portrait_id in portrait_ids}
    for folder in (_IMAGES, _HAIR, _FACE):
        for path in (out / folder).glob("*.png"):
            if path.name not in names:
                path.unlink()
    for portrait_id in track(list(portrait_ids), "writing portraits"):
        name, note = f"{file_stem(portrait_id)}.png", inputs.annotation(portrait_id)
        write_png(inputs.image(portrait_id), out / _IMAGES / name)
        for folder, mask in ((_HAIR, note.hair), (_FACE, note.face)):
            write_png(resize_mask(mask, inputs.resolution).astype(np.uint8) * 255, out / folder / name)
