"""How the embedded parser is made: a small Graphonomy, trained on portraits whose labels are exact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from loho_bench.networks.graphonomy import FACE, HAIR, Graphonomy
from loho_bench.training.augmentation import augment, mirror_labels, step_generator
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import PortraitDataset, random_batches
from loho_bench.training.loop import descend

# Low-level features at stride 2 keep thin strands; widths are multiples of 16, a vector register's worth.
PARSER_CONFIG: dict[str, Any] = {
    "stem": [16, 16],
    "entry": [32, 64, 128],
    "middle_blocks": 2,
    "exit": [128, 128, 128, 128],
    "strides": [2, 1, 2, 2, 2],
    "aspp_width": 32,
    "aspp_rates": [1, 2, 3],
    "low_level_width": 16,
    "decoder_width": 32,
    "hidden": 32,
    "averaged_nodes": True,
}
_EVALUATED_AT_ONCE = 32


def train_parser(
    dataset: PortraitDataset,
    held_out: PortraitDataset,
    *,
    steps: int,
    seed: int,
    checkpoints: Checkpoints,
    batch: int = 16,
    learning_rate: float = 4e-3,
    config: Mapping[str, Any] | None = None,
) -> tuple[Graphonomy, dict[str, float]]:
    """Train the parser; a killed training goes on.

    Parameters
    ----------
    dataset, held_out : PortraitDataset
        To learn from, and to be judged on.
    steps, seed, batch, learning_rate
        Together with ``config`` they decide the result.
    checkpoints : Checkpoints
        Keeps the state of an unfinished training.
    config : mapping, optional
        Arguments of :class:`Graphonomy`; :data:`PARSER_CONFIG` when left out.

    Returns
    -------
    (Graphonomy, dict)
        The network, frozen; and the held-out figures of :func:`parser_figures`, with the seconds it took.
    """
    torch.manual_seed(seed)
    network = Graphonomy(**(config or PARSER_CONFIG)).to(memory_format=torch.channels_last)

    def loss(step: int) -> Tensor:
        index = next(random_batches(len(dataset), batch, step + 1, seed, start=step))
        generator = step_generator(seed, step)
        images, labels = dataset.batch(index), torch.from_numpy(dataset.labels[index]).long()
        flipped = torch.rand(batch, generator=generator) < 0.5
        images = torch.where(flipped[:, None, None, None], images.flip(-1), images)
        labels = torch.where(flipped[:, None, None], mirror_labels(labels), labels)
        images = augment(images, (labels == HAIR)[:, None].float(), generator)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            coarse = network.coarse_logits(images)
        return sampled_cross_entropy(coarse.float(), labels, generator)

    settings = {"seed": seed, "batch": batch, "config": network.config(), "portraits": len(dataset)}
    seconds = descend(
        network,
        loss,
        name="parser",
        steps=steps,
        learning_rate=learning_rate,
        checkpoints=checkpoints,
        settings=settings,
    )
    return network, {**parser_figures(network, held_out, seed=seed), "seconds": round(seconds, 1)}


def sampled_cross_entropy(coarse: Tensor, labels: Tensor, generator: Generator) -> Tensor:
    """Cross entropy of the upsampled logits on a random quarter of the pixels.

    The network's answer is its coarse logits upsampled with aligned corners. Half of the rows and columns,
    drawn at random, are upsampled and compared: in expectation all of them, at a quarter of the price.

    Parameters
    ----------
    coarse : Tensor [N, K, h, w] float32
    labels : Tensor [N, H, W] int64
    generator : torch.Generator
    """
    height, width = labels.shape[1:]
    rows = torch.randperm(height, generator=generator)[: height // 2].sort().values
    columns = torch.randperm(width, generator=generator)[: width // 2].sort().values
    vertical = aligned_weights(coarse.shape[2], height)[rows]
    horizontal = aligned_weights(coarse.shape[3], width)[columns]
    logits = vertical @ coarse.contiguous() @ horizontal.T
    return F.cross_entropy(logits, labels[:, rows][:, :, columns])


def aligned_weights(source: int, target: int) -> Tensor:
    """Return the matrix [target, source] that resizes a line linearly, with its ends aligned."""
    position = torch.arange(target) * ((source - 1) / (target - 1))
    left = position.long().clamp(max=source - 2)
    share = (position - left)[:, None]
    return F.one_hot(left, source) * (1 - share) + F.one_hot(left + 1, source) * share


@torch.no_grad()
def parser_figures(network: Graphonomy, held_out: PortraitDataset, *, seed: int = 0) -> dict[str, float]:
    """Judge a parser on portraits it has not seen.

    Returns
    -------
    dict
        ``pixel_accuracy``; ``hair_iou`` and ``face_iou`` over all pixels of all portraits;
        ``hair_iou_portrait`` and ``face_iou_portrait``, the means over portraits that show the class; and
        ``hair_iou_degraded``, ``face_iou_degraded`` over all pixels of softened, stippled, relit portraits.
    """
    clean, degraded = _Agreement(), _Agreement()
    for start in range(0, len(held_out), _EVALUATED_AT_ONCE):
        index = np.arange(start, min(start + _EVALUATED_AT_ONCE, len(held_out)))
        images, labels = held_out.batch(index), torch.from_numpy(held_out.labels[index]).long()
        images = images.contiguous(memory_format=torch.channels_last)
        clean.add(network(images).argmax(dim=1), labels)
        changed = augment(images, (labels == HAIR)[:, None].float(), step_generator(seed, start))
        degraded.add(network(changed).argmax(dim=1), labels)
    return {
        "pixel_accuracy": clean.accuracy(),
        "hair_iou": clean.pooled(HAIR),
        "face_iou": clean.pooled(FACE),
        "hair_iou_portrait": clean.per_portrait(HAIR),
        "face_iou_portrait": clean.per_portrait(FACE),
        "hair_iou_degraded": degraded.pooled(HAIR),
        "face_iou_degraded": degraded.pooled(FACE),
        "portraits": len(held_out),
    }


class _Agreement:
    """Counts of intersections and unions, portrait by portrait."""

    def __init__(self) -> None:
        self._counts: dict[int, list[Tensor]] = {HAIR: [], FACE: []}
        self._right: list[Tensor] = []

    def add(self, found: Tensor, wanted: Tensor) -> None:
        for label, counts in self._counts.items():
            a, b = (found == label).flatten(1), (wanted == label).flatten(1)
            counts.append(torch.stack([(a & b).sum(1), (a | b).sum(1), b.sum(1)]).double())
        self._right.append((found == wanted).float().mean().double() * len(found))

    def pooled(self, label: int) -> float:
        both, either, _ = torch.cat(self._counts[label], dim=1)
        return (both.sum() / either.sum()).item()

    def per_portrait(self, label: int) -> float:
        both, either, wanted = torch.cat(self._counts[label], dim=1)
        return (both / either)[wanted > 0].mean().item()

    def accuracy(self) -> float:
        portraits = torch.cat(self._counts[HAIR], dim=1).shape[1]
        return (torch.stack(self._right).sum() / portraits).item()
