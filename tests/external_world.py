"""A method from outside on the small world of the runner: its export, a program, its collection."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from runner_world import COUNT, SIZE

from loho_bench.methods.external.collect import collect_outputs
from loho_bench.methods.external.export import export_inputs
from loho_bench.settings.loading import validate_settings
from loho_bench.settings.project import Settings
from loho_bench.storage import read_table

NAME = "outsider"
FOLDER = Path("results") / NAME
INPUTS, OUTPUTS = FOLDER / "inputs/tuples-0000", FOLDER / "outputs/tuples-0000"
TABLE, PROBLEMS = FOLDER / "tuples-0000.parquet", FOLDER / "problems/tuples-0000.csv"
_TABLES = ("portraits.parquet", ["annotations.parquet"])


def entry(**settings) -> Settings:
    """Settings of a run with one method from outside."""
    transfer = {"resolution": SIZE, "shard_size": COUNT}
    return validate_settings({"transfer": transfer, "external": {NAME: settings}})


def export(method: str = NAME, **settings) -> int:
    return export_inputs(
        method, ["tuples.csv"], *_TABLES, entry(**settings), INPUTS, outputs=OUTPUTS, shard=0, results=FOLDER
    )


def run_program(without: Collection[str] = ()) -> None:
    """What a rule does: copy the list, and write the darkened structure portrait for every tuple on it."""
    shutil.rmtree(OUTPUTS, ignore_errors=True)
    OUTPUTS.mkdir(parents=True)
    shutil.copy(INPUTS / "triples.tsv", OUTPUTS)
    for line in (INPUTS / "triples.tsv").read_text().splitlines():
        tuple_id, _, structure, _, result, _ = line.split("\t")
        if tuple_id not in without:
            Image.fromarray(np.array(Image.open(structure)) // 2).save(result)


def collect(benchmark: str | None = None, outputs: Path = OUTPUTS, **settings) -> pd.DataFrame:
    collect_outputs(NAME, "tuples.csv", *_TABLES, entry(**settings), 0, outputs, TABLE, benchmark=benchmark)
    return read_table(TABLE).set_index("tuple_id", drop=False)
