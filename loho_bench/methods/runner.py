"""A method on a slice of the tuples: files in, files out, and nothing done twice.

A killed run repeats at most the batch it was in; the next run also tries again what failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from loho_bench.methods.batching import Batching, Outcome, Record, fitting_size, shortened
from loho_bench.methods.catalogue import registry_for
from loho_bench.methods.configuration import configure_method
from loho_bench.methods.inputs import TupleInputs
from loho_bench.methods.protocol import Transfer, TupleBatch
from loho_bench.methods.registry import ANSWER, MethodSpec
from loho_bench.methods.resources import describe_device, load_resources
from loho_bench.methods.results import ResultFolder
from loho_bench.portraits.images import to_uint8
from loho_bench.progress import get_logger, track
from loho_bench.settings.project import Settings
from loho_bench.storage import exclusive_lock, read_table, shard_of
from loho_bench.weights.needs import weights_hash


def run_shard(
    method: str,
    tuples: str | Path,
    portraits: str | Path,
    annotations: Sequence[str | Path],
    settings: Settings,
    shard: int | None,
    out: str | Path,
    *,
    jobs_at_once: int = 1,
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
    jobs_at_once : int
        How many such jobs share the memory of this machine.

    Raises
    ------
    UserError
        Unknown method or setting, a method that another program computes, a missing table, or a folder that
        cannot be written to. A tuple that fails does not stop the others: it becomes a row with status
        "failed" and its reason.
    """
    spec = registry_for(settings).get(method)
    spec.require_builder()
    out = Path(out)
    chosen = shard_of(read_table(tuples), shard, settings.transfer.shard_size)
    with exclusive_lock(out.parent / f".{out.stem}.lock"):
        inputs = TupleInputs.read(portraits, annotations, settings.transfer.resolution, chosen)
        work = _Work(spec, settings, inputs, out.parent)
        work.finish(chosen, jobs_at_once)
        work.results.write_shard(chosen["tuple_id"].tolist(), out)


class _Work:
    """One method with its networks, the portraits, and the folder that its results go to."""

    def __init__(self, spec: MethodSpec, settings: Settings, inputs: TupleInputs, folder: Path):
        self.spec, self.settings, self.inputs = spec, settings, inputs
        self.method_settings = configure_method(spec, settings)
        self.resources = load_resources(settings, spec.jobs)
        self.results = ResultFolder(
            folder,
            spec,
            self.method_settings,
            settings,
            precision=self.resources.precision,
            device=describe_device(self.resources.device),
            weights_hash=weights_hash(settings, *spec.jobs),
        )

    def finish(self, tuples: pd.DataFrame, jobs_at_once: int) -> None:
        """Compute the tuples that are not finished yet; all of them have rows afterwards."""
        results, records = self.results, tuples.to_dict("records")
        prints = {record["tuple_id"]: results.fingerprint(record, self.inputs) for record in records}
        pending = [r for r in records if not results.is_finished(r["tuple_id"], prints[r["tuple_id"]])]
        if len(pending) < len(records):
            finished = len(records) - len(pending)
            get_logger("transfer").info("%d of %d tuples are finished", finished, len(records))
        if pending:
            size = self._batch_size(pending, jobs_at_once)
            method = self.spec.build(self.method_settings, self.resources)
            batching = Batching(method.transfer, self._load, self.resources.device, size)
            batches = [pending[i : i + size] for i in range(0, len(pending), size)]
            for batch in track(batches, f"{self.spec.name}: batches of up to {size} tuples"):
                for record in batch:
                    results.forget(record["tuple_id"])
                for outcome in batching.run(batch):
                    for row in self._rows(outcome):
                        results.write(row, prints[row["tuple_id"]])
                    del outcome  # its tensors need not lie beside those of the next batch

    def _batch_size(self, pending: Sequence[Record], jobs_at_once: int) -> int:
        """Return what the settings say, or how many tuples of a shard fit into memory."""
        wanted, limit = self.settings.transfer.batch_size, self.settings.transfer.shard_size
        if wanted != "auto":
            return wanted
        rehearsal = self.spec.build(shortened(self.method_settings), self.resources)
        device = self.resources.device
        return fitting_size(rehearsal.transfer, self._load, pending, device, limit=limit, jobs=jobs_at_once)

    def _load(self, records: Sequence[Record]) -> TupleBatch:
        seeds = [self.results.seed(record["tuple_id"]) for record in records]
        return self.inputs.batch(records, seeds, answers=ANSWER in self.spec.needs)

    def _rows(self, outcome: Outcome) -> Iterator[dict[str, Any]]:
        """Write the files of what was computed, and yield its rows."""
        transfer = outcome.transfer
        for position, record in enumerate(outcome.records):
            if transfer is None:
                yield self.results.failed(record, outcome.reason)
            elif not bool(torch.isfinite(transfer.images[position]).all()):
                yield self.results.failed(record, "the image is not finite")
            else:
                yield self.results.row(
                    record,
                    **self._save(record["tuple_id"], transfer, position),
                    seconds=outcome.seconds / len(outcome.records),
                    batch_size=len(outcome.records),
                    peak_memory_mb=outcome.peak_memory_mb,
                )

    def _save(self, tuple_id: str, transfer: Transfer, position: int) -> dict[str, Any]:
        """Write the files of one tuple and return the entries of its row that belong to them."""
        image = to_uint8(transfer.images[position : position + 1])[0]
        entries: dict[str, Any] = {"portrait": self.results.save_portrait(tuple_id, image)}
        if transfer.latents is not None:
            latents, mean = transfer.latents[position].cpu().numpy(), transfer.latent_mean.cpu().numpy()
            entries["latents"] = self.results.save_latents(tuple_id, latents, mean)
        if transfer.traces:
            values = {name: trace[:, position].cpu().numpy() for name, trace in transfer.traces.items()}
            entries["trace"] = self.results.save_trace(tuple_id, values)
        if "hair_iou" in transfer.traces:
            # The last value is that of the last iteration's image.
            entries["hair_iou"] = float(transfer.traces["hair_iou"][-1, position])
        return {**entries, "inpainting": transfer.inpainting}
