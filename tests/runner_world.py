"""A run folder with a few tuples, and a method that needs no networks: what the runner is tried on."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from loho_bench.annotation.record import Annotation
from loho_bench.methods import runner
from loho_bench.methods.protocol import Transfer, TupleBatch
from loho_bench.methods.registry import LANDMARKS, MethodSpec, Registry
from loho_bench.settings.base import StrictModel
from loho_bench.settings.loading import validate_settings
from loho_bench.storage import file_sha256, read_table, write_png, write_table

SIZE, COUNT = 64, 5
IDS = [f"easy-{i:04d}" for i in range(1, COUNT + 1)]
OUT = Path("results/mix/tuples-0000.parquet")
# What may differ between two runs that give the same result.
MIX_JOBS = ("generator", "features")
MEASURED = ["seconds", "batch_size", "peak_memory_mb"]


class MixSettings(StrictModel):
    """How much of the structure portrait a mixture takes."""

    share: float = 0.5


class Mix:
    """Mixes portraits; ``incident`` may look at every batch before and misbehave."""

    def __init__(self, settings: MixSettings, resources=None, incident=lambda batch: None) -> None:
        self.settings, self.incident = settings, incident
        self.batches: list[tuple[str, ...]] = []

    @property
    def seen(self) -> list[str]:
        """Tuples in the order in which they came first: a lone one comes as two of the same."""
        return list(dict.fromkeys(tuple_id for batch in self.batches for tuple_id in batch))

    def transfer(self, batch: TupleBatch) -> Transfer:
        self.batches.append(batch.tuple_ids)
        self.incident(batch)
        noise = torch.tensor([seed % 1000 / 1e4 for seed in batch.seeds])
        mixed = batch.identity.lerp(batch.structure, self.settings.share) * 0.9
        mask = torch.maximum(batch.identity_hair, batch.identity_face)
        return Transfer(
            images=mixed + noise[:, None, None, None],
            foreground=mixed,
            foreground_mask=mask,
            latents=noise[:, None, None].expand(-1, 4, 6),
            latent_mean=torch.arange(6.0),
            traces={
                "face": torch.stack([noise, noise / 2, noise / 4]),
                "hair_iou": torch.stack([torch.full_like(noise, torch.nan), noise, noise + 0.5]),
            },
        )


def write_world() -> None:
    """Write five tuples of six portraits into the working folder."""
    rng = np.random.default_rng(3)
    portraits, notes = [], []
    for number in range(COUNT + 1):
        name, path = f"p{number}", f"portraits/p{number}.png"
        write_png(rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8), path)
        portraits.append({"portrait_id": name, "path": path, "sha256": file_sha256(path)})
        hair, face = rng.random((2, SIZE, SIZE)) < 0.3
        notes.append(Annotation(name, hair, face, np.zeros((68, 2), np.float32)).to_row())
    write_table(pd.DataFrame(portraits), "portraits.parquet")
    write_table(pd.DataFrame(notes), "annotations.parquet")
    tuples = [
        {
            "tuple_id": tuple_id,
            "identity": f"p{i}",
            "structure": f"p{i + 1}",
            "appearance": "p0",
            "category": "easy",
        }
        for i, tuple_id in enumerate(IDS)
    ]
    write_table(pd.DataFrame(tuples), "tuples.csv")


def install(set_attribute, incident=lambda batch: None, method: type[Mix] = Mix) -> list[Mix]:
    """Register ``method`` as the only one, named mix, without networks; return those that get built."""
    built: list[Mix] = []

    def build(settings, resources):
        built.append(method(settings, resources, incident))
        return built[-1]

    registry = Registry()
    registry.register(MethodSpec("mix", "Mix", "a mixture", MixSettings, build, needs=(*MIX_JOBS, LANDMARKS)))
    resources = SimpleNamespace(device=torch.device("cpu"), precision="float32")
    set_attribute(runner, "registry_for", lambda settings: registry)
    set_attribute(runner, "load_resources", lambda settings, jobs: resources)
    set_attribute(runner, "weights_hash", lambda settings, *jobs: "feedbeef0123")
    return built


def run(
    shard: int = 0,
    out: Path = OUT,
    method: str = "mix",
    batch_size: int | str = 2,
    shard_size: int = COUNT,
    jobs_at_once: int = 1,
    **groups,
) -> pd.DataFrame:
    """Run a method on a shard of the working folder and return its table; ``groups`` are settings."""
    transfer = {"resolution": SIZE, "batch_size": batch_size, "shard_size": shard_size}
    settings = validate_settings({"transfer": transfer, **groups})
    tables = ("tuples.csv", "portraits.parquet", ["annotations.parquet"])
    runner.run_shard(method, *tables, settings, shard, out, jobs_at_once=jobs_at_once)
    return read_table(out)


def contents() -> dict[str, bytes]:
    """Bytes of every image, latent and trace."""
    folders = [OUT.parent / name for name in ("portraits", "latents", "traces")]
    return {str(path): path.read_bytes() for folder in folders for path in sorted(folder.glob("*"))}


def images() -> dict[str, bytes]:
    """Bytes of every image: those of equal results are equal."""
    return {path: content for path, content in contents().items() if path.endswith("png")}


def forget() -> None:
    """Remove all results."""
    shutil.rmtree(OUT.parents[1])


def on(tuple_id: str, error: BaseException):
    """An incident: ``error`` whenever ``tuple_id`` is in the batch."""

    def incident(batch: TupleBatch) -> None:
        if tuple_id in batch.tuple_ids:
            raise error

    return incident
