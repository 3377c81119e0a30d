"""Graphonomy as a parser: what happens to a portrait before and after the network.

The steps are those of LOHO's mask generator, which follows the inference script of the Graphonomy
publication.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.annotation.labelling import label_portraits
from loho_bench.networks.graphonomy import MIRRORED_CLASSES, Graphonomy, upsample_aligned

SINGLE_SCALE: tuple[float, ...] = (1.0,)
MULTI_SCALE: tuple[float, ...] = (1.0, 0.5, 0.75, 1.25, 1.5, 1.75)
"""Scales of the published protocol, which also flips (``flip=True``)."""

WORKING_SIZE = 256
"""Side of the portraits that LOHO parses, in pixels."""


class GraphonomyParser:
    """A Graphonomy network of published weights behind the protocol ``Parser``.

    Parameters
    ----------
    network : Graphonomy
        Put into evaluation mode and laid out channels last. It gets BGR, as the published weights were
        trained.
    scales : sequence of float
        Logits of the portrait at these scales are summed: ``SINGLE_SCALE`` or ``MULTI_SCALE``.
    flip : bool
        At each scale, average the logits with those of the mirror image.
    size : int
        Side in pixels at which portraits are parsed. It matters: the published network's nodes are sums over
        the image's area.
    """

    def __init__(
        self,
        network: Graphonomy,
        scales: Sequence[float] = SINGLE_SCALE,
        flip: bool = False,
        size: int = WORKING_SIZE,
    ):
        self.network = network.eval().to(memory_format=torch.channels_last)
        self.scales = tuple(scales)
        self.flip = flip
        self.size = size

    def parse(self, images: Tensor) -> Tensor:
        """Return labels [N, H, W] uint8 for images [N, 3, H, W] in [-1, 1]; see ``Parser.parse``."""
        magnified = max(self.scales) ** 2 * (2 if self.flip else 1)
        return label_portraits(images, self.size, self.summed_logits, magnified=magnified)

    @torch.no_grad()
    def summed_logits(self, images: Tensor) -> Tensor:
        """Return the sum over the scales of logits [N, 20, H, W] at the images' own size.

        Parameters
        ----------
        images : Tensor [N, 3, H, W] float32
            RGB; values outside [-1, 1] are clipped. All are processed at once, unlike in :meth:`parse`.
        """
        device = self.network.adjacency.device
        bgr = images.to(device, non_blocking=True).clamp(-1, 1).flip(1)
        return sum(self._logits_at(scale, bgr) for scale in self.scales)

    def _logits_at(self, scale: float, bgr: Tensor) -> Tensor:
        # The factor, not the size: where the two disagree by a fraction, they sample different places.
        scaled = F.interpolate(bgr, scale_factor=scale, mode="bilinear")
        return upsample_aligned(self._logits(scaled), bgr.shape[2:])

    def _logits(self, bgr: Tensor) -> Tensor:
        shown = torch.cat([bgr, bgr.flip(-1)]) if self.flip else bgr
        # Sums and comparisons of logits are those of float32, whatever the network computes with.
        logits = self.network(shown.contiguous(memory_format=torch.channels_last)).float()
        if not self.flip:
            return logits
        upright, mirrored = logits.chunk(2)
        return (upright + unmirror(mirrored)) / 2


def unmirror(logits: Tensor) -> Tensor:
    """Return the logits of images from those of their mirror images, [N, 20, H, W]: sides swapped back."""
    order = list(range(logits.shape[1]))
    for left, right in MIRRORED_CLASSES:
        order[left], order[right] = right, left
    return logits[:, order].flip(-1)
