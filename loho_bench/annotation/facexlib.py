"""The face parsers of facexlib, BiSeNet and ParseNet, with their classes named as Graphonomy names them.

Both were trained on CelebAMask-HQ and know its 19 parts, in different orders. What Graphonomy calls a face
was read off its masks of FFHQ portraits: brows, eyes, lips, teeth and *ears* belong to it; neck, sunglasses
and earrings do not. The tables below follow it, so that masks of the three parsers can be compared. (The
embedded parser, trained on synthetic portraits, counts ears among the skin of the neck.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from loho_bench.annotation.labelling import label_portraits
from loho_bench.compat import prepare_torchvision
from loho_bench.errors import UserError
from loho_bench.networks.graphonomy import BACKGROUND, CLOTHES, FACE, HAIR, HAT, SKIN, SUNGLASSES
from loho_bench.weights.reading.checkpoints import load_strictly
from loho_bench.weights.reading.state_dicts import read_state_dict

NETWORK_SIZE = 512
"""Side of the portraits that both were trained on, in pixels."""

CIHP_OF_PART: dict[str, int] = {
    "background": BACKGROUND,
    "skin": FACE,
    "left brow": FACE,
    "right brow": FACE,
    "left eye": FACE,
    "right eye": FACE,
    "eyeglasses": SUNGLASSES,
    "left ear": FACE,
    "right ear": FACE,
    "earring": BACKGROUND,
    "nose": FACE,
    "mouth": FACE,
    "upper lip": FACE,
    "lower lip": FACE,
    "neck": SKIN,
    "necklace": SKIN,
    "clothes": CLOTHES,
    "hair": HAIR,
    "hat": HAT,
}
"""The class of CIHP that a part of CelebAMask-HQ belongs to."""


@dataclass(frozen=True)
class FaceParser:
    """One of the networks: how it is built, sees and answers.

    Attributes
    ----------
    network : str
        Its class in facexlib, which loads no weights by itself.
    arguments : mapping
        What builds it in the size of the published weights.
    parts : tuple of 19 str
        Its classes in the order of its logits, as ``CIHP_OF_PART`` names them.
    mean, deviation : tuple of 3 float
        Of the input's RGB channels: values in [0, 1] are brought to ``(value - mean) / deviation``.
    """

    network: str
    arguments: Mapping[str, int]
    parts: tuple[str, ...]
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


FACE_PARSERS: dict[str, FaceParser] = {
    # Order: github.com/zllrunning/face-parsing.PyTorch, prepropess_data.py, whose weights facexlib took over;
    # statistics: inference/inference_parsing.py of facexlib (ImageNet's).
    "bisenet": FaceParser(
        network="facexlib.parsing.bisenet.BiSeNet",
        arguments={"num_class": len(CIHP_OF_PART)},
        parts=(
            *("background", "skin", "left brow", "right brow", "left eye", "right eye", "eyeglasses"),
            *("left ear", "right ear", "earring", "nose", "mouth", "upper lip", "lower lip"),
            *("neck", "necklace", "clothes", "hair", "hat"),
        ),
        mean=(0.485, 0.456, 0.406),
        deviation=(0.229, 0.224, 0.225),
    ),
    # Order: github.com/switchablenorms/CelebAMask-HQ, face_parsing/README.md, and PSFRGAN, utils/utils.py,
    # from where facexlib has its ParseNet; statistics: inference/inference_parsing_parsenet.py of facexlib.
    "parsenet": FaceParser(
        network="facexlib.parsing.parsenet.ParseNet",
        arguments={"in_size": NETWORK_SIZE, "out_size": NETWORK_SIZE, "parsing_ch": len(CIHP_OF_PART)},
        parts=(
            *("background", "skin", "nose", "eyeglasses", "left eye", "right eye", "left brow"),
            *("right brow", "left ear", "right ear", "mouth", "upper lip", "lower lip", "hair"),
            *("hat", "earring", "necklace", "neck", "clothes"),
        ),
        mean=(0.5, 0.5, 0.5),
        deviation=(0.5, 0.5, 0.5),
    ),
}


class FacexlibParser:
    """A face parser of facexlib behind the protocol ``Parser``.

    Parameters
    ----------
    network : Module
        Put into evaluation mode; the first of the tensors that it returns are logits [N, 19, 512, 512].
    kind : FaceParser
        What the network expects and means.
    device : device or str
        Where it computes.
    """

    size = NETWORK_SIZE

    def __init__(self, network: nn.Module, kind: FaceParser, device: torch.device | str = "cpu"):
        self.network = network.eval().to(device)
        self.device = torch.device(device)
        self._mean, self._deviation = (
            torch.tensor(values, device=device).view(3, 1, 1) for values in (kind.mean, kind.deviation)
        )
        self._classes = torch.tensor([CIHP_OF_PART[part] for part in kind.parts], dtype=torch.uint8)

    def parse(self, images: Tensor) -> Tensor:
        """Return labels [N, H, W] uint8 for images [N, 3, H, W] in [-1, 1]; see ``Parser.parse``."""
        parts = label_portraits(images, NETWORK_SIZE, self._logits)
        return self._classes.to(images.device)[parts.long()]

    def prepare(self, images: Tensor) -> Tensor:
        """Return what the network sees of images [N, 3, H, W]: clipped to [-1, 1], normalised."""
        images = images.to(self.device, non_blocking=True).clamp(-1, 1)
        return ((images + 1) / 2 - self._mean) / self._deviation

    def _logits(self, images: Tensor) -> Tensor:
        return self.network(self.prepare(images))[0]


def load_face_parser(
    name: Literal["bisenet", "parsenet"], path: str | Path, device: torch.device | str = "cpu"
) -> FacexlibParser:
    """Load a face parser from the file that facexlib publishes, ``parsing_NAME.pth``.

    Raises
    ------
    UserError
        facexlib is not installed, or the file is missing, broken, unsafe to read, or not of this network.
    """
    state, kind = read_state_dict(path), FACE_PARSERS[name]
    network = _build(kind)
    load_strictly(network, state, path)
    return FacexlibParser(network.requires_grad_(False), kind, device)


def _build(kind: FaceParser) -> nn.Module:
    """Return the untrained network of facexlib."""
    prepare_torchvision()  # facexlib imports torchvision
    module, _, name = kind.network.rpartition(".")
    try:
        network = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "facexlib":
            raise
        raise UserError(
            f"cannot use the face parser {name}",
            cause="the package facexlib is not installed",
            remedy="install it: pip install facexlib==0.3.0",
        ) from error
    return network(**kind.arguments)
