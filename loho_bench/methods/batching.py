"""How many tuples are computed together: as many as wanted or as fit, and fewer once memory runs out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from loho_bench.errors import UserError
from loho_bench.methods.memory import (
    free_bytes,
    is_out_of_memory,
    peak_bytes,
    peak_memory_mb,
    release,
    reset_peak,
)
from loho_bench.methods.protocol import Transfer, TupleBatch
from loho_bench.progress import get_logger
from loho_bench.settings.base import StrictModel

Record = dict[str, Any]
Result = TypeVar("Result")

# Of the memory that is free. Allocators keep what is freed in pieces, and kernels of a processor take scratch
# memory that no tensor shows: resident memory grows there by up to 1.4 times what the tensors take.
_USABLE = {"cuda": 0.9, "cpu": 0.6}
_FAILURES = (RuntimeError, ValueError, ArithmeticError, MemoryError, UserError)


@dataclass(frozen=True)
class Failure:
    """Why something could not be computed."""

    reason: str
    out_of_memory: bool


@dataclass(frozen=True)
class Outcome:
    """What came of ``records``, and what it cost together: their transfer, or why the only one has none."""

    records: Sequence[Record]
    transfer: Transfer | None
    reason: str = ""
    seconds: float = 0.0
    peak_memory_mb: float = 0.0


def attempt(call: Callable[[], Result]) -> Result | Failure:
    """Return what ``call`` gives. Of an error only its message is kept: its traceback holds every tensor."""
    try:
        return call()
    except _FAILURES as error:
        short = is_out_of_memory(error)
        return Failure(f"out of memory: {error}" if short else str(error), short)


def in_company(transfer: Callable[[TupleBatch], Transfer], batch: TupleBatch) -> Transfer:
    """Transfer ``batch``, a lone tuple as two that are the same.

    Kernels add up one sample in another order than each of several, and thousands of steps make much of the
    last bit: so a tuple gives on a processor exactly what it gives in company.
    """
    return transfer(batch) if len(batch) > 1 else transfer(batch.select([0, 0])).select([0])


class Batching:
    """Transfers of any number of tuples, ``size`` together at the most.

    Where ``size`` is more than 1 no tuple is computed alone, so that its bits do not depend on how many there
    were. Out of memory, ``size`` is halved for good.
    """

    def __init__(
        self,
        transfer: Callable[[TupleBatch], Transfer],
        load: Callable[[Sequence[Record]], TupleBatch],
        device: torch.device,
        size: int,
    ) -> None:
        self._transfer, self._load, self._device, self.size = transfer, load, device, size

    def run(self, records: Sequence[Record]) -> Iterator[Outcome]:
        """Yield what comes of ``records``, in order; of a batch that fails, every tuple is tried alone."""
        while records:
            now = records[: self.size]
            found = attempt(lambda now=now: self._compute(now))
            if isinstance(found, Outcome):
                yield found
            elif found.out_of_memory and self.size > 1:
                self._halve(now, found.reason)
                continue
            else:
                get_logger("transfer").warning("%s: %s", _names(now), found.reason)
                if len(now) == 1:
                    yield Outcome(now, None, found.reason)
                else:
                    for record in now:
                        yield from self.run([record])
            del found  # its tensors need not lie beside those of the next batch
            records = records[len(now) :]

    def _compute(self, records: Sequence[Record]) -> Outcome:
        reset_peak(self._device)
        started = time.perf_counter()
        batch = self._load(records)
        transfer = in_company(self._transfer, batch) if self.size > 1 else self._transfer(batch)
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)  # what is still under way takes its time, and can fail
        seconds = time.perf_counter() - started
        return Outcome(records, transfer, "", seconds, peak_memory_mb(self._device))

    def _halve(self, records: Sequence[Record], reason: str) -> None:
        before, self.size = max(len(records), 2), max(1, len(records) // 2)
        get_logger("transfer").warning(
            "%s: %d together do not fit, going on with %d: %s",
            _names(records),
            before,
            self.size,
            reason,
        )
        release(self._device)


def fitting_size(
    rehearse: Callable[[TupleBatch], Any],
    load: Callable[[Sequence[Record]], TupleBatch],
    records: Sequence[Record],
    device: torch.device,
    *,
    limit: int,
    jobs: int = 1,
) -> int:
    """Return how many tuples fit into the memory that is free, from what two of the same take.

    Parameters
    ----------
    rehearse : callable
        Computes a batch with the memory of a whole transfer, in less time: see :func:`shortened`.
    load : callable
        Makes a batch of records.
    records : sequence of dict
        Tuples to rehearse with: the first that does not fail for another reason than memory.
    device : torch.device
    limit : int
        The largest number that is of use. Below it batches are made equal: if 8 of 12 fit, it is 6.
    jobs : int
        How many share the memory.
    """
    log, reason = get_logger("transfer"), ""
    for record in records:
        peak = attempt(lambda record=record: _peak_of_two(rehearse, load, record, device))
        release(device)
        if not isinstance(peak, Failure):
            free = free_bytes(device) // jobs
            fits = min(limit, max(1, int(2 * _USABLE[device.type] * free / max(1, peak))))
            size = math.ceil(limit / math.ceil(limit / fits))
            share = f"for each of {jobs} jobs" if jobs > 1 else "in all"
            log.info(
                "batches of %d: two tuples take %.2f GB, %.2f GB are free %s",
                size,
                peak / 1e9,
                free / 1e9,
                share,
            )
            return size
        reason = peak.reason
        if peak.out_of_memory:
            break
    log.warning("one tuple at a time: two could not be tried: %s", reason)
    return 1


def shortened(settings: StrictModel) -> StrictModel:
    """Return the settings of a method with one iteration, in each of its phases, where there were more.

    Iterations are what settings count whose names have "steps" in them.
    """
    counts = {name: 1 for name, value in settings if "steps" in name and isinstance(value, int) and value > 1}
    return settings.model_copy(update=counts)


def _peak_of_two(
    rehearse: Callable[[TupleBatch], Any],
    load: Callable[[Sequence[Record]], TupleBatch],
    record: Record,
    device: torch.device,
) -> int:
    batch = load([record]).select([0, 0])
    return peak_bytes(lambda: rehearse(batch), device)


def _names(records: Sequence[Record]) -> str:
    return ", ".join(record["tuple_id"] for record in records)
