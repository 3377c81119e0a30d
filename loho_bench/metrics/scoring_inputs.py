"""What scoring reads: the tuples of a run, their portraits and masks, and the results of a method."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from loho_bench.annotation.masks import resize_mask, unpack_bits
from loho_bench.curation.tuples import KINDS, kind_of
from loho_bench.errors import UserError
from loho_bench.methods.inputs import ROLES, true_answer
from loho_bench.methods.protocol import Parser
from loho_bench.networks.graphonomy import FACE, HAIR
from loho_bench.portraits.images import load_rgb, resize, to_tensor
from loho_bench.portraits.synthetic import Rendered
from loho_bench.storage import read_table, read_tables

NO_RESULT = "no result was written for this tuple"
OTHER_PORTRAITS = "computed for other portraits: run the transfers again"


@dataclass(frozen=True, eq=False)
class RunInputs:
    """Tables of one run, whatever the method.

    Attributes
    ----------
    root : Path
        Working folder of the run; paths in tables are relative to it.
    tuples : DataFrame
        Of every kind there is, in the order of :data:`~loho_bench.curation.tuples.KINDS`; the category tells
        the kind.
    portraits, annotations : DataFrame indexed by portrait id
    resolution : int
        Frame in pixels on which everything is compared: that of the transferred portraits.
    """

    root: Path
    tuples: pd.DataFrame
    portraits: pd.DataFrame
    annotations: pd.DataFrame
    resolution: int

    @property
    def synthetic(self) -> bool:
        """Whether every portrait carries its parameters, so that transfers have a true answer."""
        return bool(len(self.portraits)) and bool((self.portraits["parameters"].fillna("") != "").all())

    def image(self, portrait_id: str) -> np.ndarray:
        """Return a portrait at the run's resolution, uint8 ``[S, S, 3]`` RGB."""
        return resize(load_rgb(self.root / self.portraits.loc[portrait_id, "path"]), self.resolution)

    def mask(self, portrait_id: str, part: str) -> np.ndarray:
        """Return the annotated mask of ``part`` ("hair" or "face"), bool ``[S, S]``."""
        row = self.annotations.loc[portrait_id]
        return resize_mask(unpack_bits(row[f"{part}_mask"], int(row["mask_size"])), self.resolution)

    def true_answer(self, row: pd.Series) -> Rendered:
        """Draw the portrait that a perfect transfer of the tuple ``row`` would give."""
        return true_answer(self.portraits, row, self.resolution)


def load_inputs(resolution: int, root: str | Path = ".") -> RunInputs:
    """Read the tables that the stages before scoring wrote below ``root``.

    Raises
    ------
    UserError
        A table is missing or broken.
    """
    root = Path(root)
    paths = [root / "tuples" / f"{kind}.csv" for kind in KINDS]
    # The transfers have to be there; a run may do without the others.
    tuples = [read_table(path) for path in paths if path == paths[0] or path.exists()]
    return RunInputs(
        root=root,
        tuples=pd.concat([table for table in tuples if len(table)] or tuples[:1], ignore_index=True),
        portraits=read_table(root / "portraits" / "portraits.parquet").set_index("portrait_id"),
        annotations=read_shards(root / "annotations", "shard-*.parquet", "portrait_id").set_index(
            "portrait_id"
        ),
        resolution=resolution,
    )


def read_results(inputs: RunInputs, method: str) -> pd.DataFrame:
    """Return one row a tuple that ``method`` was asked for, in the order of the tuples.

    A tuple without a row in the shards becomes a failed row with a reason: it is counted, not dropped. So
    does one whose row names other portraits: after another drawing, the same id is another tuple.
    Tuples of a kind are asked for where there is at least one shard of them.

    Raises
    ------
    UserError
        The method has no results at all.
    """
    folder = inputs.root / "results" / method
    found = {kind: f"{kind}-*.parquet" for kind in KINDS if any(folder.glob(f"{kind}-*.parquet"))}
    if not found:
        raise UserError(
            f"cannot read {folder}/{KINDS[0]}-*.parquet",
            cause="there is no such file",
            remedy="run the step that writes it, or correct the name of the method",
        )
    asked = inputs.tuples[inputs.tuples["category"].map(kind_of).isin(found)]
    tables = [read_shards(folder, pattern, "tuple_id") for pattern in found.values()]
    results = pd.concat(tables, ignore_index=True).drop(columns=["category", "method"], errors="ignore")
    # Results that do not say what they were computed for cannot vouch for these portraits.
    results = results.assign(**{role: "" for role in ROLES if role not in results})
    names = ["tuple_id", *ROLES]
    rows = asked[[*names, "category"]].merge(results, on=names, how="left", validate="one_to_one")
    lost, known = rows["status"].isna(), rows["tuple_id"].isin(results["tuple_id"])
    rows.loc[lost, "status"] = "failed"
    rows.loc[lost & ~known, "reason"] = NO_RESULT
    rows.loc[lost & known, "reason"] = OTHER_PORTRAITS
    return rows.assign(method=method)


def load_result(path: str | Path) -> np.ndarray:
    """Read a portrait that a method wrote, uint8 ``[S, S, 3]``; unlike a source portrait it may be small."""
    return load_rgb(path, smallest=1)


def parse_masks(parser: Parser, image: np.ndarray) -> dict[int, np.ndarray]:
    """Return the hair and face masks that ``parser`` sees in an image, bool ``[S, S]`` by class."""
    labels = parser.parse(to_tensor(image[None]))[0].cpu().numpy()
    return {label: resize_mask(labels == label, image.shape[0]) for label in (HAIR, FACE)}


def read_shards(folder: Path, pattern: str, key: str) -> pd.DataFrame:
    """Concatenate the tables of ``folder`` that match ``pattern``, in the order of their names.

    Raises
    ------
    UserError
        There is none, or two rows have the same ``key``.
    """
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise UserError(
            f"cannot read {folder}/{pattern}",
            cause="there is no such file",
            remedy="run the step that writes it, or correct the name of the method",
        )
    return read_tables(paths, key)
