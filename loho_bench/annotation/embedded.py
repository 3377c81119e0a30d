"""The embedded networks behind the protocols: portraits of any size in, answers of that size out."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from loho_bench.annotation.labelling import resize_smoothly
from loho_bench.networks.graphonomy import Graphonomy
from loho_bench.networks.hourglass import LANDMARKS, StackedHourglass, decode
from loho_bench.weights.embedded import load_landmarks, load_parser

NETWORK_SIZE = 128
"""Side of the portraits that the embedded networks were trained on, in pixels."""
_AT_ONCE = 16


class EmbeddedParser:
    """A :class:`Graphonomy` network as a parser.

    Parameters
    ----------
    network : Graphonomy
        Put into evaluation mode and laid out channels last, which is the fast layout of its convolutions.
    """

    size = NETWORK_SIZE

    def __init__(self, network: Graphonomy):
        self.network = _prepare(network)

    @torch.no_grad()
    def parse(self, images: Tensor) -> Tensor:
        """Return labels [N, H, W] uint8 for images [N, 3, H, W] in [-1, 1]; see ``Parser.parse``."""
        labels = images.new_empty((len(images), *images.shape[2:]), dtype=torch.uint8)
        for part, resized in _parts(images, self.network):
            logits = resize_smoothly(self.network(resized).float(), images.shape[2:])
            labels[part] = logits.argmax(dim=1).to(labels)
        return labels


class EmbeddedLandmarks:
    """A :class:`StackedHourglass` network as a landmark detector; the last stack's heat maps are its answer.

    Parameters
    ----------
    network : StackedHourglass
        Put into evaluation mode and laid out channels last.
    """

    size = NETWORK_SIZE

    def __init__(self, network: StackedHourglass):
        self.network = _prepare(network)

    @torch.no_grad()
    def detect(self, images: Tensor) -> Tensor:
        """Return landmarks [N, 68, 2] float32 for images [N, 3, H, W]; see ``LandmarkDetector.detect``."""
        landmarks = images.new_empty((len(images), LANDMARKS, 2), dtype=torch.float32)
        for part, resized in _parts(images, self.network):
            landmarks[part] = decode(self.network(resized)[-1]).to(landmarks)
        return landmarks


def embedded_parser(device: torch.device | str = "cpu") -> EmbeddedParser:
    """Load the parser that ships with the package onto ``device``."""
    return EmbeddedParser(load_parser().to(device))


def embedded_landmarks(device: torch.device | str = "cpu") -> EmbeddedLandmarks:
    """Load the landmark detector that ships with the package onto ``device``."""
    return EmbeddedLandmarks(load_landmarks().to(device))


def _prepare(network: nn.Module) -> nn.Module:
    return network.eval().to(memory_format=torch.channels_last)


def _parts(images: Tensor, network: nn.Module) -> Iterator[tuple[slice, Tensor]]:
    """Yield a few images at a time at the networks' size, on the device of ``network``.

    Memory stays bounded however many there are.
    """
    device = next((tensor.device for tensor in network.parameters()), images.device)
    for start in range(0, len(images), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        shown = images[part].to(device, torch.float32, non_blocking=True)
        resized = resize_smoothly(shown, (NETWORK_SIZE, NETWORK_SIZE))
        yield part, resized.contiguous(memory_format=torch.channels_last)
