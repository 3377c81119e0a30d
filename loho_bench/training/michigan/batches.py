"""One training batch: target, mask, orientation, reference and noise, mirrored at random."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.annotation.orientation import LEVELS_PER_HALF_TURN
from loho_bench.networks.graphonomy import HAIR
from loho_bench.networks.michigan import octave_noise
from loho_bench.training.dataset import SIZE, PortraitDataset
from loho_bench.training.michigan.pairs import ReferencePairs

_OWN_REFERENCE_SHARE = 0.2


@dataclass(frozen=True)
class Batch:
    """What the generator is given, and the ``target`` ``[N,3,S,S]`` that it shall paint.

    Shapes and ranges are those of :meth:`SpadeGenerator.forward`.
    """

    target: Tensor
    hair: Tensor
    orientation: Tensor
    reference_image: Tensor
    reference_hair: Tensor
    noise: Tensor

    def inputs(self) -> dict[str, Tensor]:
        """Return the arguments of the generator: what it sees of the target is cut out by itself."""
        return {
            "orientation": self.orientation,
            "hair": self.hair,
            "image": self.target,
            "reference_image": self.reference_image,
            "reference_hair": self.reference_hair,
            "noise": self.noise,
        }

    @property
    def structure(self) -> Tensor:
        """Mask and orientation ``[N,3,S,S]``."""
        return torch.cat([self.hair, self.orientation], dim=1)


def orientation_channels(levels: np.ndarray, hair: Tensor) -> Tensor:
    """Return sine and cosine of the double angles, ``[N,2,S,S]``, of stored maps ``uint8 [N,S,S]``."""
    double = torch.from_numpy(np.ascontiguousarray(levels)).float() * (2 * math.pi / LEVELS_PER_HALF_TURN)
    return torch.stack([double.sin(), double.cos()], dim=1) * hair


def plain_batch(
    dataset: PortraitDataset, pairs: ReferencePairs, index: np.ndarray, size: int, draw: torch.Generator
) -> Batch:
    """Return the pairs at ``index`` as they were rendered, reduced to ``size`` pixels; noise is drawn."""
    targets = pairs.targets[index]
    hair = torch.from_numpy(dataset.labels[targets] == HAIR)[:, None].float()
    seen = np.ascontiguousarray(pairs.reference_images[index])
    reference = torch.from_numpy(seen).permute(0, 3, 1, 2).float() / 127.5 - 1
    reference_hair = torch.from_numpy(np.ascontiguousarray(pairs.reference_hair[index]))[:, None].float()
    target = dataset.batch(targets)
    return _reduced(
        Batch(
            target=target,
            hair=hair,
            orientation=orientation_channels(pairs.orientations[index], hair),
            reference_image=reference,
            reference_hair=reference_hair,
            noise=octave_noise(len(index), size, draw),
        ),
        SIZE // size,
    )


def draw_batch(
    dataset: PortraitDataset, pairs: ReferencePairs, index: np.ndarray, size: int, draw: torch.Generator
) -> Batch:
    """Return :func:`plain_batch` with some portraits mirrored, and some their own references."""
    batch, count = plain_batch(dataset, pairs, index, size, draw), len(index)

    def chosen(share: float) -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=draw) < share

    own, flipped, other_flipped = chosen(_OWN_REFERENCE_SHARE), chosen(0.5), chosen(0.5)
    reference = torch.where(own, batch.target, batch.reference_image)
    reference_hair = torch.where(own, batch.hair, batch.reference_hair)
    # A mirrored strand has the negative angle.
    mirrored_flow = batch.orientation.flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None]

    def mirrored(x: Tensor, where: Tensor) -> Tensor:
        return torch.where(where, x.flip(-1), x).contiguous(memory_format=torch.channels_last)

    return Batch(
        target=mirrored(batch.target, flipped),
        hair=mirrored(batch.hair, flipped),
        orientation=torch.where(flipped, mirrored_flow, batch.orientation),
        reference_image=mirrored(reference, other_flipped),
        reference_hair=mirrored(reference_hair, other_flipped),
        noise=batch.noise,
    )


def _reduced(batch: Batch, factor: int) -> Batch:
    if factor == 1:
        return batch
    hair, reference_hair = (
        (F.avg_pool2d(mask, factor) >= 0.5).float() for mask in (batch.hair, batch.reference_hair)
    )
    return Batch(
        target=F.avg_pool2d(batch.target, factor),
        hair=hair,
        orientation=F.normalize(F.avg_pool2d(batch.orientation, factor), dim=1) * hair,
        reference_image=F.avg_pool2d(batch.reference_image, factor),
        reference_hair=reference_hair,
        noise=batch.noise,
    )
