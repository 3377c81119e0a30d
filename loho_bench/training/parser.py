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

# Low-level features, decoder and logits have the portrait's own resolution: logits at stride 2 would cap the
# hair's IoU at 0.95. Narrow there, the network is wide from stride 4 on; widths are multiples of 16, a vector
# register's worth.
PARSER_CONFIG: dict[str, Any] = {
    "stem": [16, 16],
    "entry": [16, 16, 128],
    "middle_blocks": 2,
    "exit": [128, 128, 128, 128],
    "strides": [1, 1, 4, 2, 2],
    "aspp_width": 16,
    "aspp_rates": [1, 2, 3],
    "low_level_width": 16,
    "decoder_width": 16,
    "hidden": 32,
    "averaged_nodes": True,
}
_CROP = 64  # pixels: side of the pieces that the first steps see
_CROPPED_SHARE = 0.6  # of the steps
_PLAIN_SHARE = 0.5  # of the portraits while refining
_REFINING_RATE = 0.5  # of the learning rate
_INNER_SHARE = 0.25  # of the pixels that lie at no border
_EVALUATED_AT_ONCE = 32


def train_parser(
    dataset: PortraitDataset,
    held_out: PortraitDataset,
    *,
    steps: int,
    seed: int,
    checkpoints: Checkpoints,
    refining_steps: int = 1000,
    batch: int = 16,
    learning_rate: float = 4e-3,
    config: Mapping[str, Any] | None = None,
) -> tuple[Graphonomy, dict[str, float]]:
    """Train the parser; a killed training goes on.

    The first steps see crops, which cost a quarter of a portrait and show the same kinds of border; the rest
    sees whole portraits, so that the pooling over the image and the class graph meet what they will be given.
    Then it is refined on portraits half of which are as they were rendered.

    Parameters
    ----------
    dataset, held_out : PortraitDataset
        To learn from, and to be judged on.
    steps, refining_steps, seed, batch, learning_rate
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

    def draw(step: int, whole: bool, plain_share: float) -> tuple[Tensor, Tensor, Generator]:
        index = next(random_batches(len(dataset), batch, step + 1, seed, start=step))
        generator = step_generator(seed, step)
        images, labels = dataset.batch(index), torch.from_numpy(dataset.labels[index]).long()
        flipped = torch.rand(batch, generator=generator) < 0.5
        images = torch.where(flipped[:, None, None, None], images.flip(-1), images)
        labels = torch.where(flipped[:, None, None], mirror_labels(labels), labels)
        if not whole:
            images, labels = crop(images, labels, _CROP, generator)
        changed = augment(images, (labels == HAIR)[:, None].float(), generator)
        if plain_share:
            plain = torch.rand(batch, 1, 1, 1, generator=generator) < plain_share
            changed = torch.where(plain, images, changed)
        return changed, labels, generator

    def compare(images: Tensor, labels: Tensor, generator: Generator) -> Tensor:
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(images)
        return border_cross_entropy(logits, labels, generator)

    settings = {"seed": seed, "batch": batch, "config": network.config(), "portraits": len(dataset)}
    seconds = descend(
        network,
        lambda step: compare(*draw(step, step >= _CROPPED_SHARE * steps, 0.0)),
        name="parser",
        steps=steps,
        learning_rate=learning_rate,
        checkpoints=checkpoints,
        settings=settings,
    )
    network.requires_grad_(True)
    seconds += descend(
        network,
        lambda step: compare(*draw(steps + step, True, _PLAIN_SHARE)),
        name="parser-refined",
        steps=refining_steps,
        learning_rate=_REFINING_RATE * learning_rate,
        checkpoints=checkpoints,
        settings={**settings, "after": steps},
    )
    return network, {**parser_figures(network, held_out, seed=seed), "seconds": round(seconds, 1)}


def crop(images: Tensor, labels: Tensor, side: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Cut the same random square out of all images [N, 3, H, W] and labels [N, H, W]."""
    height, width = labels.shape[1:]
    top = torch.randint(0, height - side + 1, (), generator=generator).item()
    left = torch.randint(0, width - side + 1, (), generator=generator).item()
    rows, columns = slice(top, top + side), slice(left, left + side)
    return images[..., rows, columns], labels[..., rows, columns]


def border_cross_entropy(logits: Tensor, labels: Tensor, generator: Generator) -> Tensor:
    """Mean cross entropy over all pixels at a border between classes and a random quarter of the others.

    Nearly all that a parser gets wrong lies within a pixel of a border; the inside of a region is soon
    learned, and a sample of it keeps it learned.

    Parameters
    ----------
    logits : Tensor [N, K, H, W], fastest if channels last
    labels : Tensor [N, H, W] int64
    generator : torch.Generator
    """
    chosen = borders(labels) | (torch.rand(labels.shape, generator=generator) < _INNER_SHARE)
    return F.cross_entropy(logits.permute(0, 2, 3, 1)[chosen].float(), labels[chosen])


def borders(labels: Tensor) -> Tensor:
    """Return where labels [N, H, W] differ from one of their four neighbours, [N, H, W] bool."""
    found = torch.zeros_like(labels, dtype=torch.bool)
    vertical, horizontal = labels[:, 1:] != labels[:, :-1], labels[..., 1:] != labels[..., :-1]
    found[:, 1:] |= vertical
    found[:, :-1] |= vertical
    found[..., 1:] |= horizontal
    found[..., :-1] |= horizontal
    return found


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
