"""What is exchanged with another program: the names of files, and the list of tuples that goes with them.

``triples.tsv`` has a line a tuple and no header: tuple id, paths of the identity, structure and appearance
portrait, path of the result, fingerprint. It goes with the portraits to the program and comes back with its
results: the fingerprints tell what a result was made from, so that nothing stale counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from loho_bench.errors import UserError
from loho_bench.methods.inputs import ROLES, TupleInputs
from loho_bench.provenance import stable_hash
from loho_bench.settings.external import ExternalSettings
from loho_bench.storage import write_text

TRIPLES = "triples.tsv"
NAMES = "triples.txt"
"""The three names of files a line, which is what programs such as HairFastGAN read."""

TIMES = "times.tsv"
"""Written by the program's rule, where it likes: tuple id, start and end in seconds, exit code."""


@dataclass(frozen=True)
class Triple:
    """One line of ``triples.tsv``; paths are relative to the folder of the run."""

    tuple_id: str
    identity: str
    structure: str
    appearance: str
    output: str
    fingerprint: str


def file_stem(portrait_id: str) -> str:
    """Return a portrait's id, or for one with other characters than letters, digits and hyphens a safe name.

    Programs split names at blanks and dots and join them by underscores: none of these is in a safe name, and
    a hash keeps different ids apart.
    """
    if re.fullmatch(r"[A-Za-z0-9-]+", portrait_id):
        return portrait_id
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', portrait_id).strip('-')}-{stable_hash(portrait_id)}"


def result_file(entry: ExternalSettings, tuple_id: str, stems: Mapping[str, str]) -> str:
    """Return the name of a tuple's result; ``stems`` are the names of its portraits by role."""
    return entry.result_name.format(tuple_id=tuple_id, **stems)


def stems_of(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of a tuple's portraits by role."""
    return {role: file_stem(record[role]) for role in ROLES}


def exchange_size(entry: ExternalSettings, resolution: int) -> int:
    """Return the side in pixels of what is exchanged."""
    return entry.size or resolution


def fingerprint(
    entry: ExternalSettings, record: Mapping[str, Any], inputs: TupleInputs, resolution: int
) -> str:
    """Return a hash of all that a tuple's result depends on: portraits, masks, sizes, version and options."""
    computing = entry.computing.model_dump(mode="json")
    return stable_hash([computing, inputs.resolution, resolution, inputs.fingerprint(record)])


def write_triples(triples: Iterable[Triple], folder: Path) -> None:
    """Write ``triples.txt``, and last ``triples.tsv``: where it is, the folder is whole."""
    triples = list(triples)
    names = (" ".join(Path(getattr(triple, role)).name for role in ROLES) for triple in triples)
    write_text("".join(f"{line}\n" for line in names), folder / NAMES)
    write_text("".join("\t".join(astuple(triple)) + "\n" for triple in triples), folder / TRIPLES)


def read_triples(folder: Path) -> dict[str, Triple]:
    """Read the list of tuples in ``folder``, by tuple id.

    Raises
    ------
    UserError
        There is none, or a line of it has another number of columns.
    """
    path = folder / TRIPLES
    if not path.is_file():
        raise UserError(
            f"cannot tell what the results in {folder} were made from",
            cause=f"there is no {TRIPLES} beside them",
            remedy=f"copy the {TRIPLES} that the program worked from into this folder",
        )
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    for number, line in enumerate(lines, start=1):
        if len(line) != len(fields(Triple)):
            raise UserError(
                f"cannot read {path}",
                cause=f"line {number} has {len(line)} columns instead of {len(fields(Triple))}",
                remedy="copy the list again, unchanged",
            )
    return {line[0]: Triple(*line) for line in lines}
