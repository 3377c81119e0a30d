"""The training portraits: rendered once into memory-mapped arrays, then read like arrays."""

from __future__ import annotations

import functools
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from loho_bench.portraits.synthetic import LATENT_SIZE, from_latent, noise_maps, render, sample_latent
from loho_bench.portraits.synthetic.version import renderer_hash
from loho_bench.processes import process_pool
from loho_bench.progress import track
from loho_bench.provenance import derive_seed

SIZE = 128
TRAINING_FAMILY = "training portrait"
_BLOCK = 100
_ARRAYS = {
    "images": ((SIZE, SIZE, 3), np.uint8),
    "labels": ((SIZE, SIZE), np.uint8),
    "landmarks": ((68, 2), np.float32),
    "latents": ((LATENT_SIZE,), np.float64),
    "texture_seeds": ((), np.int64),
}


@dataclass(frozen=True)
class PortraitDataset:
    """N synthetic portraits with everything that is known about them.

    Attributes
    ----------
    images : uint8 [N, 128, 128, 3] RGB
    labels : uint8 [N, 128, 128], Graphonomy's class ids
    landmarks : float32 [N, 68, 2], fractions of the frame
    latents : float64 [N, 48], the standard normals that the parameters are made of
    texture_seeds : int64 [N]
    """

    images: np.ndarray
    labels: np.ndarray
    landmarks: np.ndarray
    latents: np.ndarray
    texture_seeds: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def open(cls, folder: str | Path) -> PortraitDataset:
        """Map the arrays that :func:`render_dataset` wrote; nothing is read before it is used."""
        folder = Path(folder)
        return cls(**{name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS})

    def batch(self, index: np.ndarray) -> Tensor:
        """Return images [len(index), 3, 128, 128] float32 in [-1, 1], in the order of ``index``."""
        images = torch.from_numpy(np.ascontiguousarray(self.images[index]))
        return images.permute(0, 3, 1, 2).float() / 127.5 - 1

    def texture_noise(self, index: np.ndarray) -> dict[int, Tensor]:
        """Return the renderer's own texture maps by resolution, each [len(index), 1, r, r]."""
        maps = [noise_maps(from_latent(self.latents[i], int(self.texture_seeds[i])), SIZE) for i in index]
        return {r: torch.from_numpy(np.stack([m[r] for m in maps]))[:, None] for r in maps[0]}


def render_dataset(
    folder: str | Path, count: int, seed: int, workers: int = 1, family: str = TRAINING_FAMILY
) -> PortraitDataset:
    """Render ``count`` portraits into ``folder``, or open it if they are there already.

    Parameters
    ----------
    folder : str or Path
        A folder of its own; it appears only when it is complete.
    count : int
    seed : int
        Portraits of different seeds, and those of a benchmark run, never coincide.
    workers : int
        Processes that render.
    family : str
        Part of every portrait's own seed: portraits of two families never coincide, whatever ``seed`` is.
    """
    folder = Path(folder)
    wanted = {"count": count, "seed": seed, "size": SIZE, "renderer": renderer_hash()}
    if family != TRAINING_FAMILY:
        wanted["family"] = family
    marker = folder / "dataset.json"
    if marker.is_file() and json.loads(marker.read_text()) == wanted:
        return PortraitDataset.open(folder)
    partial = folder.with_name(f".{folder.name}-partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    arrays = {
        name: np.lib.format.open_memmap(partial / f"{name}.npy", "w+", dtype, (count, *shape))
        for name, (shape, dtype) in _ARRAYS.items()
    }
    starts = range(0, count, _BLOCK)
    blocks = [(seed, start, min(start + _BLOCK, count)) for start in starts]
    with process_pool(workers, functools.partial(cv2.setNumThreads, 1)) as pool:
        rendered = pool.map(functools.partial(_render_block, family=family), blocks)
        for start, block in zip(starts, track(rendered, "rendering portraits", len(blocks)), strict=True):
            for name, values in block.items():
                arrays[name][start : start + len(values)] = values
    for array in arrays.values():
        array.flush()
    (partial / "dataset.json").write_text(json.dumps(wanted))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)
    return PortraitDataset.open(folder)


def random_batches(count: int, size: int, steps: int, seed: int, start: int = 0) -> Iterator[np.ndarray]:
    """Yield ``steps - start`` sorted index arrays [size]; a resumed run draws what it would have drawn."""
    for step in range(start, steps):
        drawn = np.random.default_rng([seed, step]).choice(count, size, replace=False)
        yield np.sort(drawn)


def _render_block(block: tuple[int, int, int], family: str = TRAINING_FAMILY) -> dict[str, np.ndarray]:
    seed, start, stop = block
    seeds = [derive_seed(family, seed, index) for index in range(start, stop)]
    latents = [sample_latent(s) for s in seeds]
    portraits = [render(from_latent(z, texture_seed=s), SIZE) for z, s in zip(latents, seeds, strict=True)]
    return {
        "images": np.stack([p.image for p in portraits]),
        "labels": np.stack([p.labels for p in portraits]),
        "landmarks": np.stack([p.landmarks for p in portraits]),
        "latents": np.stack(latents),
        "texture_seeds": np.array(seeds, np.int64),
    }
