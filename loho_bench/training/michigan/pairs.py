"""What MichiGAN learns from: portraits, and for each another person whose hair has the same colour.

The published training shows the network one photograph as target and as reference. The appearance that it
reads off then fits the target's light and shape too well, and at a transfer it meets references of other
people. The renderer can draw those: a reference has the target's pigment, dye, gloss and streaks, and shares
nothing else with it, as the appearance portrait of a transfer does with its true answer. Mask and orientation
are the target's own, as at a transfer they are those of the hair that shall be seen.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from loho_bench.annotation.orientation import portrait_orientation
from loho_bench.networks.graphonomy import HAIR
from loho_bench.portraits.synthetic import combine, from_latent, render
from loho_bench.portraits.synthetic.version import renderer_hash
from loho_bench.processes import process_pool
from loho_bench.progress import track
from loho_bench.training.dataset import SIZE, PortraitDataset

_LEAST_HAIR = 0.08  # share of the frame, in targets and in references
_VERSION = 1  # of the orientation maps and of how references are drawn
_ARRAYS = ("targets", "orientations", "reference_images", "reference_hair")
_BLOCK = 50


@dataclass(frozen=True)
class ReferencePairs:
    """P targets and a reference for each.

    Attributes
    ----------
    targets : int64 [P]
        Which portraits of the dataset.
    orientations : uint8 [P, 128, 128]
        Of the targets' hair, see :func:`portrait_orientation`.
    reference_images : uint8 [P, 128, 128, 3] RGB
    reference_hair : bool [P, 128, 128]
    """

    targets: np.ndarray
    orientations: np.ndarray
    reference_images: np.ndarray
    reference_hair: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    @classmethod
    def open(cls, folder: str | Path) -> ReferencePairs:
        """Map the arrays that :func:`render_pairs` wrote."""
        return cls(**{name: np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in _ARRAYS})


def render_pairs(
    folder: str | Path, portraits: PortraitDataset, count: int, seed: int, workers: int = 1
) -> ReferencePairs:
    """Draw ``count`` targets among ``portraits`` and render their references into ``folder``.

    A folder that holds the same pairs already is opened; it appears only when it is complete. Where fewer
    portraits have enough hair, all of them are taken.
    """
    folder = Path(folder)
    wanted = {
        "count": count,
        "seed": seed,
        "portraits": len(portraits),
        "renderer": renderer_hash(),
        "version": _VERSION,
    }
    marker = folder / "pairs.json"
    if marker.is_file() and json.loads(marker.read_text()) == wanted:
        return ReferencePairs.open(folder)
    hairy = np.flatnonzero((portraits.labels == HAIR).mean(axis=(1, 2)) >= _LEAST_HAIR)
    draw = np.random.default_rng([seed, len(portraits)])
    targets = np.sort(draw.choice(hairy, min(count, len(hairy)), replace=False))
    # Target, and those who lend the reference its person and its cut; a few coincide, which does no harm.
    chosen = np.stack([targets, draw.choice(len(portraits), len(targets)), draw.choice(hairy, len(targets))])
    blocks = [chosen[:, start : start + _BLOCK] for start in range(0, len(targets), _BLOCK)]
    tasks = [
        (portraits.images[b[0]], portraits.labels[b[0]], portraits.latents[b], portraits.texture_seeds[b])
        for b in blocks
    ]
    with process_pool(workers, functools.partial(cv2.setNumThreads, 1)) as pool:
        done = list(track(pool.map(_render_block, tasks), "rendering references", len(tasks)))
    partial = folder.with_name(f".{folder.name}-partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    arrays = (targets, *(np.concatenate(parts) for parts in zip(*done, strict=True)))
    for name, array in zip(_ARRAYS, arrays, strict=True):
        np.save(partial / f"{name}.npy", array)
    (partial / "pairs.json").write_text(json.dumps(wanted))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)
    return ReferencePairs.open(folder)


def _render_block(
    task: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orientations of the targets, images and hair of their references; latents are ``[3, B, 48]``."""
    images, labels, latents, seeds = task
    flows = [portrait_orientation(i, label == HAIR) for i, label in zip(images, labels, strict=True)]
    references = []
    for codes, texture_seeds in zip(latents.swapaxes(0, 1), seeds.T, strict=True):
        target, person, cut = (from_latent(z, int(s)) for z, s in zip(codes, texture_seeds, strict=True))
        references.append(render(combine(identity=person, structure=cut, appearance=target), SIZE))
    return np.stack(flows), np.stack([r.image for r in references]), np.stack([r.hair for r in references])
