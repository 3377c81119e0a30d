"""The network that continues orientation maps, trained on maps with parts taken out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.methods.michigan.structure import random_disc
from loho_bench.networks.michigan import OrientationInpainter, fill_orientation, rgb_to_channels
from loho_bench.training.augmentation import step_generator
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import PortraitDataset, random_batches
from loho_bench.training.loop import descend
from loho_bench.training.michigan.batches import Batch, draw_batch, plain_batch
from loho_bench.training.michigan.pairs import ReferencePairs

INPAINTER_CONFIG: dict[str, Any] = {"size": 64, "width": 16, "blocks": 3}
_AREA = (0.3, 1.2)  # of the disc that is taken out, in units of the hair's area
_OTHER_HAIR_SHARE = 0.5  # of the holes: what another portrait's hair does not cover
_BATCH, _LEARNING_RATE = 12, 2e-3
_JUDGED = 64


def train_orientation_inpainter(
    dataset: PortraitDataset,
    pairs: ReferencePairs,
    *,
    steps: int,
    seed: int,
    checkpoints: Checkpoints,
    config: dict[str, Any] | None = None,
) -> tuple[OrientationInpainter, float]:
    """Train the network; a killed training goes on.

    Returns
    -------
    (OrientationInpainter, float)
        Frozen; and the seconds, those before an interruption included.
    """
    torch.manual_seed(seed)
    network = OrientationInpainter(**(config or INPAINTER_CONFIG))

    def loss(step: int) -> Tensor:
        index = next(random_batches(len(pairs), min(_BATCH, len(pairs)), step + 1, seed, start=step))
        draw = step_generator(seed, step)
        batch = draw_batch(dataset, pairs, index, network.size, draw)
        hole = draw_holes(batch, draw)
        rgb = encoded(batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            filled = fill_orientation(network, rgb, hole, batch.noise)
        # Outside the hole nothing is changed, so the sum is that of the hole.
        return (filled.float() - rgb).abs().sum() / hole.sum().clamp(min=1)

    seconds = descend(
        network,
        loss,
        name="michigan-orientation",
        steps=steps,
        learning_rate=_LEARNING_RATE,
        checkpoints=checkpoints,
        settings={"seed": seed, "config": network.config(), "pairs": len(pairs), "holes": [_AREA, _BATCH]},
    )
    return network, seconds


def encoded(batch: Batch) -> Tensor:
    """Return a batch's orientation in the RGB encoding, ``[N,3,S,S]`` in [0,1]: the inverse of
    :func:`rgb_to_channels`."""
    sine, cosine = batch.orientation.chunk(2, dim=1)
    return (torch.cat([cosine, sine, torch.zeros_like(sine)], dim=1) + 1) / 2 * batch.hair


def draw_holes(batch: Batch, draw: torch.Generator) -> Tensor:
    """Return what is taken out of every map, ``[N,1,S,S]``: a disc, or what another's hair leaves bare."""
    discs = torch.cat([random_disc(hair, _AREA, draw) for hair in batch.hair.split(1)])
    other = torch.rand(len(discs), 1, 1, 1, generator=draw) < _OTHER_HAIR_SHARE
    return torch.where(other, batch.hair * (1 - batch.reference_hair), discs)


@torch.no_grad()
def inpainter_figures(
    network: OrientationInpainter, portraits: PortraitDataset, pairs: ReferencePairs
) -> dict[str, float]:
    """Return the mean error in degrees inside the holes of whole portraits, and that of the noise put there.

    Orientations are at most 90 degrees apart; chance is 45.
    """
    draw = torch.Generator().manual_seed(0)
    batch = plain_batch(
        portraits, pairs, np.arange(min(_JUDGED, len(pairs))), portraits.images.shape[1], draw
    )
    hole, rgb = draw_holes(batch, draw), encoded(batch)
    filled = fill_orientation(network, rgb, hole, batch.noise)
    found = {
        "orientation_error": filled,
        "orientation_error_of_noise": torch.where(hole > 0, batch.noise, rgb),
    }
    return {name: _degrees_apart(value, batch, hole) for name, value in found.items()}


def _degrees_apart(rgb: Tensor, batch: Batch, hole: Tensor) -> float:
    cosine = F.cosine_similarity(rgb_to_channels(rgb, batch.hair), batch.orientation, dim=1)
    angle = torch.rad2deg(torch.acos(cosine.clamp(-1, 1)) / 2)
    return ((angle * hole[:, 0]).sum() / hole.sum()).item()
