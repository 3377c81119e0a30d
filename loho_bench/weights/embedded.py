"""The small networks that ship with the package, ready to use.

Each was trained on synthetic portraits by a rule of this repository; its card (``NAME.json`` beside
``NAME.safetensors``) gives the command, the seed, the data, the time and the held-out quality.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from loho_bench.errors import UserError
from loho_bench.networks.graphonomy import Graphonomy
from loho_bench.networks.hourglass import StackedHourglass
from loho_bench.networks.inpainting import GatedInpainter
from loho_bench.networks.lpips import Lpips, LpipsHeads
from loho_bench.networks.michigan import MichiganNetworks, OrientationInpainter, SpadeGenerator
from loho_bench.networks.resnet import ResNet
from loho_bench.networks.stylegan2 import Generator
from loho_bench.networks.vgg import Vgg16
from loho_bench.weights.files import read_network
from loho_bench.weights.reading.checkpoints import load_strictly

FOLDER = Path(__file__).parent / "embedded"
NAMES = ("generator", "parser", "landmarks", "features", "extractor", "inpainter", "michigan")


def load_generator() -> Generator:
    """Return the embedded StyleGAN2 generator (128 px), frozen."""
    return _load("generator", lambda config: Generator(**_integer_keys(config)))


def load_parser() -> Graphonomy:
    """Return the embedded Graphonomy-style parser, frozen."""
    return _load("parser", lambda config: Graphonomy(**config))


def load_landmarks() -> StackedHourglass:
    """Return the embedded landmark network, frozen."""
    return _load("landmarks", lambda config: StackedHourglass(**config))


def load_features() -> Lpips:
    """Return the embedded feature network (VGG16's form, narrower) with its LPIPS heads, frozen."""
    return _load("features", build_features)


def load_extractor() -> ResNet:
    """Return the embedded extractor for FID, frozen; the losses of no method see it."""
    return _load("extractor", lambda config: ResNet(**config))


def load_inpainter() -> GatedInpainter:
    """Return the embedded inpainter (gated convolutions, for pictures of 128 px), frozen."""
    return _load("inpainter", lambda config: GatedInpainter(**config))


def load_michigan() -> MichiganNetworks:
    """Return the embedded MichiGAN (128 px), generator and inpainter of orientation maps, frozen."""
    return MichiganNetworks(**_load("michigan", build_michigan))


def build_michigan(config: dict[str, Any]) -> nn.ModuleDict:
    """Return MichiGAN's networks, untrained, each from its own group of arguments."""
    kinds = {"generator": SpadeGenerator, "orientation_inpainter": OrientationInpainter}
    return nn.ModuleDict({name: kind(**config[name]) for name, kind in kinds.items()})


def build_features(config: dict[str, Any]) -> Lpips:
    """Return an untrained feature network of the given block widths."""
    return Lpips(Vgg16(tuple(config["widths"])), LpipsHeads(tuple(config["widths"])))


def _load(name: str, build: Callable[[dict[str, Any]], nn.Module]) -> Any:
    path = FOLDER / f"{name}.safetensors"
    tensors, config = read_network(path)
    try:
        network = build(config)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"cannot load the weights {path}",
            cause=f"no {name} network can be built from the file's configuration: {error}",
            remedy="use the file that belongs to this network and version",
        ) from error
    load_strictly(network, tensors, path)
    return network.eval().requires_grad_(False)


def _integer_keys(config: dict[str, Any]) -> dict[str, Any]:
    # JSON turns the resolutions of the channel table into text.
    return {**config, "channels": {int(key): value for key, value in config["channels"].items()}}
