"""The results of another program become rows like those of the package's own methods, one for every tuple."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from loho_bench.methods.external.exchange import (
    TIMES,
    Triple,
    exchange_size,
    fingerprint,
    read_triples,
    result_file,
    stems_of,
)
from loho_bench.methods.external.outputs import (
    Run,
    read_benchmark,
    read_result,
    read_times,
    reason_of,
    unexpected_files,
)
from loho_bench.methods.external.spec import external_entry, external_spec
from loho_bench.methods.inputs import ROLES, TupleInputs
from loho_bench.methods.results import ResultFolder
from loho_bench.portraits.images import RejectedImage, resize
from loho_bench.progress import get_logger
from loho_bench.settings.external import ExternalSettings
from loho_bench.settings.project import Settings
from loho_bench.storage import exclusive_lock, read_table, shard_of, write_table

OTHER_INPUTS = (
    "its result was made from other portraits, or by another version: export the inputs and run it again"
)
NOT_LISTED = "it is not in the list of tuples (triples.tsv) that the program worked from"


@dataclass(frozen=True)
class _Problem:
    file: str
    tuple_id: str
    problem: str


def collect_outputs(
    method: str,
    tuples: str | Path,
    portraits: str | Path,
    annotations: Sequence[str | Path],
    settings: Settings,
    shard: int | None,
    outputs: str | Path,
    out: str | Path,
    *,
    benchmark: str | Path | None = None,
) -> None:
    """Write the table of a shard from the folder in which another program put its results.

    A result that is missing, unreadable, of the wrong size or not RGB, or that was made from other portraits,
    becomes a failed row with its reason. These, and files that belong to no tuple, are logged and listed in
    ``problems/`` beside the table. Results of an earlier run that still hold are kept.

    Parameters
    ----------
    method : str
        Name of an entry in ``settings.external``.
    tuples, portraits, annotations : paths
        Tables of the stages before.
    settings : Settings
        ``external``, ``transfer`` and ``seed`` are read.
    shard : int or None
        Which slice of the tuples, of ``transfer.shard_size``; None takes all of them.
    outputs : path
        Folder of the results, with the ``triples.tsv`` that they were made from and, where times were taken,
        ``times.tsv``.
    out : path
        The table; portraits and rows go into folders beside it.
    benchmark : path, optional
        Snakemake's benchmark of the job that made the results; it need not exist. Its seconds are divided
        among the tuples where ``times.tsv`` does not know them.

    Raises
    ------
    UserError
        The settings have no such entry, a table cannot be read, or ``outputs`` holds no ``triples.tsv``.
    """
    entry, out = external_entry(method, settings), Path(out)
    chosen = shard_of(read_table(tuples), shard, settings.transfer.shard_size)
    with exclusive_lock(out.parent / f".{out.stem}.lock"):
        work = _Collection(entry, settings, Path(outputs), benchmark and Path(benchmark))
        inputs = TupleInputs.read(portraits, annotations, work.size, chosen)
        results = ResultFolder(out.parent, external_spec(method, entry), entry.computing, settings)
        for record in chosen.to_dict("records"):
            work.take(record, inputs, results)
        results.write_shard(chosen["tuple_id"].tolist(), out)
        work.report(method, len(chosen), out.parent / "problems" / f"{out.stem}.csv")


class _Collection:
    """A folder of results, and what turned out to be wrong with it."""

    def __init__(self, entry: ExternalSettings, settings: Settings, folder: Path, benchmark: Path | None):
        self.entry, self.folder = entry, folder
        self.resolution = settings.transfer.resolution
        self.size = exchange_size(entry, self.resolution)
        self.triples = read_triples(folder)
        self.runs, broken = read_times(folder)
        self.job = read_benchmark(benchmark)
        self.problems = [_Problem(TIMES, "", f"this line is not understood: {line}") for line in broken]
        self.failures = 0

    def take(self, record: dict[str, Any], inputs: TupleInputs, results: ResultFolder) -> None:
        """Make the row of one tuple, and its portrait."""
        tuple_id = record["tuple_id"]
        mark = fingerprint(self.entry, record, inputs, self.resolution)
        triple = self.triples.get(tuple_id)
        fresh = triple is not None and triple.fingerprint == mark
        if not fresh and results.is_finished(tuple_id, mark):
            return
        # A row never vouches for a portrait that is about to be replaced.
        results.forget(tuple_id)
        name, run = result_file(self.entry, tuple_id, stems_of(record)), self.runs.get(tuple_id, Run())
        reason = "" if fresh else NOT_LISTED if triple is None else OTHER_INPUTS
        if fresh:
            try:
                image = resize(read_result(self.folder / name, self.size), self.resolution)
            except RejectedImage as rejection:
                reason = reason_of(rejection, run)
        if reason:
            self.failures += 1
            self.problems.append(_Problem(name, tuple_id, reason))
            row = results.failed(record, reason)
        else:
            row = results.row(record, portrait=results.save_portrait(tuple_id, image), **self._costs(run))
        results.write({**row, "seed": None}, mark)

    def report(self, method: str, count: int, path: Path) -> None:
        """Log the problems, and list them in a table, which is empty where there are none."""
        known = {self._expected(triple) for triple in self.triples.values()}
        extra = unexpected_files(self.folder, known)
        problems = [*self.problems, *(_Problem(name, "", "it is the result of no tuple") for name in extra)]
        columns = [field.name for field in fields(_Problem)]
        write_table(pd.DataFrame(map(asdict, problems), columns=columns), path)
        log = get_logger("external")
        for problem in problems:
            log.warning("%s: %s", problem.tuple_id or problem.file, problem.problem)
        log.info("'%s': %d of %d tuples have a result", method, count - self.failures, count)

    def _expected(self, triple: Triple) -> str:
        stems = {role: Path(getattr(triple, role)).stem for role in ROLES}
        return result_file(self.entry, triple.tuple_id, stems)

    def _costs(self, run: Run) -> dict[str, Any]:
        """Seconds and memory of a tuple: measured for it alone, or its part of the whole job's."""
        costs = {**self.job, "batch_size": 1}
        if run.seconds is not None:
            costs["seconds"] = run.seconds
        elif "seconds" in self.job:
            costs |= {"seconds": self.job["seconds"] / len(self.triples), "batch_size": len(self.triples)}
        return costs
