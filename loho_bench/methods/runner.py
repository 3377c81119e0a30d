"""A method on a slice of the tuples: files in, files out, and nothing done twice.

A tuple is finished when its row lies in ``rows/``: that file is written last, after the portraits and the
trace. A killed run repeats at most the batch it was in; the next run also tries again what failed.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from loho_bench import __version__
from loho_bench.errors import UserError
from loho_bench.methods.catalogue import default_registry
from loho_bench.methods.configuration import configure_method
from loho_bench.methods.inputs import ROLES, TupleInputs
from loho_bench.methods.protocol import Method, Transfer
from loho_bench.methods.registry import MethodSpec
from loho_bench.methods.resources import JOBS, describe_device, load_resources
from loho_bench.portraits.images import to_uint8
from loho_bench.progress import get_logger, track
from loho_bench.provenance import derive_seed, stable_hash, versions
from loho_bench.settings.base import StrictModel
from loho_bench.settings.project import Settings
from loho_bench.storage import (
    atomic_path,
    exclusive_lock,
    read_json,
    read_table,
    shard_of,
    write_json,
    write_png,
    write_table,
)
from loho_bench.weights.needs import weights_hash

_COLUMNS = (
    "tuple_id",
    "method",
    *ROLES,
    "category",
    "status",
    "reason",
    "portrait",
    "latents",
    "trace",
    "seconds",
    "batch_size",
    "peak_memory_mb",
    "seed",
    "precision",
    "resolution",
    "device",
    "finished",
    "hair_iou",
    "settings_hash",
    "weights_hash",
    "fingerprint",
    "versions",
)


def run_shard(
    method: str,
    tuples: str | Path,
    portraits: str | Path,
    annotations: Sequence[str | Path],
    settings: Settings,
    shard: int | None,
    out: str | Path,
) -> None:
    """Run ``method`` on the tuples of one shard and write their table.

    Parameters
    ----------
    method : str
        Name in the registry.
    tuples, portraits, annotations : paths
        Tables of the stages before.
    settings : Settings
        ``seed``, ``networks``, ``weights``, ``transfer``, the method's family and its own entry in
        ``methods`` are read.
    shard : int or None
        Tuples ``shard * shard_size`` to ``(shard + 1) * shard_size`` of the table; there may be none.
        None takes all of them together.
    out : str or Path
        The table; portraits, latents, traces and rows go into folders beside it.

    Raises
    ------
    UserError
        Unknown method or setting, a missing table, or a folder that cannot be written to. A tuple that
        fails does not stop the others: it becomes a row with status "failed" and its reason.
    """
    spec = default_registry().get(method)
    method_settings = configure_method(spec, settings)
    out = Path(out)
    chosen = shard_of(read_table(tuples), shard, settings.transfer.shard_size)
    with exclusive_lock(out.parent / f".{out.stem}.lock"):
        work = _Work(spec, method_settings, settings, out.parent)
        inputs = TupleInputs.read(portraits, annotations, settings.transfer.resolution)
        rows = work.finish(chosen, inputs)
        write_table(pd.DataFrame(rows, columns=list(_COLUMNS)), out)


class _Work:
    """One method with its settings, and the folder that its results go to."""

    def __init__(self, spec: MethodSpec, method_settings: StrictModel, settings: Settings, folder: Path):
        self.spec, self.method_settings, self.settings, self.folder = spec, method_settings, settings, folder
        self.settings_hash = stable_hash(method_settings.model_dump(mode="json"))
        self.resources = load_resources(settings)
        self.weights_hash = weights_hash(settings, *JOBS)

    def finish(self, tuples: pd.DataFrame, inputs: TupleInputs) -> list[dict[str, Any]]:
        """Return a row for every tuple, computing those that are not finished yet."""
        records = tuples.to_dict("records")
        prints = {record["tuple_id"]: self._fingerprint(record, inputs) for record in records}
        pending = [r for r in records if not self._finished(r["tuple_id"], prints[r["tuple_id"]])]
        if len(pending) < len(records):
            finished = len(records) - len(pending)
            get_logger("transfer").info("%d of %d tuples are finished", finished, len(records))
        if pending:
            method = self.spec.build(self.method_settings, self.resources)
            batch_size = self.settings.transfer.batch_size
            batches = [pending[i : i + batch_size] for i in range(0, len(pending), batch_size)]
            for batch in track(batches, f"{self.spec.name}: batches of up to {batch_size} tuples"):
                for record in batch:
                    # A row never vouches for files that are about to be replaced.
                    self._row_path(record["tuple_id"]).unlink(missing_ok=True)
                for row in self._transfer(method, batch, inputs):
                    tuple_id = row["tuple_id"]
                    write_json({**row, "fingerprint": prints[tuple_id]}, self._row_path(tuple_id))
        return [read_json(self._row_path(record["tuple_id"])) for record in records]

    def _transfer(
        self, method: Method, records: list[dict[str, Any]], inputs: TupleInputs
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of one batch; of a batch that fails, every tuple is tried alone."""
        started = time.perf_counter()
        try:
            seeds = [self._seed(record["tuple_id"]) for record in records]
            transfer = method.transfer(inputs.batch(records, seeds))
        except (RuntimeError, ValueError, ArithmeticError, UserError) as error:
            get_logger("transfer").warning("%s: %s", ", ".join(r["tuple_id"] for r in records), error)
            if len(records) > 1:
                for record in records:
                    yield from self._transfer(method, [record], inputs)
            else:
                yield {**self._row(records[0]), "status": "failed", "reason": str(error)}
            return
        seconds = (time.perf_counter() - started) / len(records)
        for position, record in enumerate(records):
            if not bool(torch.isfinite(transfer.images[position]).all()):
                yield {**self._row(record), "status": "failed", "reason": "the image is not finite"}
                continue
            measured = {"seconds": seconds, "batch_size": len(records), "peak_memory_mb": self._peak_memory()}
            yield {**self._row(record), **self._save(record["tuple_id"], transfer, position), **measured}

    def _save(self, tuple_id: str, transfer: Transfer, position: int) -> dict[str, Any]:
        """Write the files of one tuple and return the entries of its row that belong to them."""
        paths = {"portrait": self.folder / "portraits" / f"{tuple_id}.png"}
        write_png(to_uint8(transfer.images[position : position + 1])[0], paths["portrait"])
        if transfer.latents is not None:
            paths["latents"] = self.folder / "latents" / f"{tuple_id}.npz"
            with atomic_path(paths["latents"]) as temporary:
                np.savez(
                    temporary,
                    latents=transfer.latents[position].cpu().numpy(),
                    mean=transfer.latent_mean.cpu().numpy(),
                )
        if transfer.traces:
            paths["trace"] = self.folder / "traces" / f"{tuple_id}.parquet"
            trace = pd.DataFrame({name: v[:, position].cpu().numpy() for name, v in transfer.traces.items()})
            write_table(trace.rename_axis("step").reset_index(), paths["trace"])
        return {
            **{name: str(path) for name, path in paths.items()},
            "hair_iou": _last_value(transfer, position),
        }

    def _row(self, record: dict[str, Any]) -> dict[str, Any]:
        return {
            **dict.fromkeys(_COLUMNS),
            "tuple_id": record["tuple_id"],
            "method": self.spec.name,
            **{role: record[role] for role in ROLES},
            "category": record["category"],
            "status": "ok",
            "reason": "",
            "seed": self._seed(record["tuple_id"]),
            "precision": self.resources.precision,
            "resolution": self.settings.transfer.resolution,
            "device": describe_device(self.resources.device),
            "finished": datetime.now(tz=UTC).date().isoformat(),
            "settings_hash": self.settings_hash,
            "weights_hash": self.weights_hash,
            "versions": json.dumps(versions()),
        }

    def _seed(self, tuple_id: str) -> int:
        return derive_seed(tuple_id, self.spec.name, self.settings.seed)

    def _fingerprint(self, record: dict[str, Any], inputs: TupleInputs) -> str:
        """Return a hash of all that the result of a tuple depends on; a release may compute otherwise."""
        group = self.settings.transfer
        parts = [__version__, self._seed(record["tuple_id"]), self.settings_hash, self.weights_hash]
        parts += [[group.resolution, self.resources.precision], inputs.fingerprint(record)]
        return stable_hash(parts)

    def _finished(self, tuple_id: str, fingerprint: str) -> bool:
        path = self._row_path(tuple_id)
        if not path.is_file():
            return False
        row = read_json(path)
        files = [row[name] for name in ("portrait", "latents", "trace") if row.get(name)]
        unchanged = row.get("status") == "ok" and row.get("fingerprint") == fingerprint
        return unchanged and all(Path(name).is_file() for name in files)

    def _row_path(self, tuple_id: str) -> Path:
        return self.folder / "rows" / f"{tuple_id}.json"

    def _peak_memory(self) -> float:
        """Return the peak memory in MiB: of the device, or of this process on a CPU."""
        if self.resources.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.resources.device) / 2**20
        unit = 1 if sys.platform == "darwin" else 2**10  # bytes on macOS, KiB on Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _last_value(transfer: Transfer, position: int) -> float | None:
    """Return the last hair IoU of the trace, that of the last iteration's image, where there is one."""
    trace = transfer.traces.get("hair_iou")
    return None if trace is None else float(trace[-1, position])
