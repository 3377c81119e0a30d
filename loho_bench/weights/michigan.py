"""MichiGAN's published checkpoints: its generator, and the two networks that complete orientation maps.

Spectral normalization stays as published, ``weight_orig`` with its two vectors: a network can be trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch

from loho_bench.networks.matching import describe_difference
from loho_bench.networks.michigan import OrientationInpainter, SpadeGenerator
from loho_bench.weights.reading.checkpoints import strip_prefix
from loho_bench.weights.reading.file_kinds import refusal
from loho_bench.weights.reading.state_dicts import read_state_dict

_COUNTER = "num_batches_tracked"

Network = TypeVar("Network", SpadeGenerator, OrientationInpainter)


def load_michigan_generator(path: str | Path) -> SpadeGenerator:
    """Load the generator of the inference command (``50_net_G.pth``; 512 px, margin 64), frozen.

    Parameters
    ----------
    path : str or Path
        A flat state dict, of any width (``--ngf``). Names may begin with ``module.``. As in the authors'
        code, tensors that the network does not have are passed over; unlike there, none may be missing, save
        the counters of batch normalizations.

    Raises
    ------
    UserError
        The file is missing, broken, unsafe to read, or not of this network.
    """
    state = {name.removeprefix("module."): value for name, value in read_state_dict(path).items()}
    width = _length(state, "conv_img.weight", 1, 64)
    hidden = _length(state, "head_0.norm_0.mlp_shared.0.weight", 0, 128)
    with torch.device("meta"):
        network = SpadeGenerator(width=width, widest=16 * width, hidden=hidden)
    wanted = network.state_dict()
    counters = {name: torch.tensor(0) for name in wanted if name.endswith(_COUNTER)}
    known = counters | {name: value for name, value in state.items() if name in wanted}
    # A file of another network is described whole, what is foreign in it included.
    return _filled(network, counters | state if describe_difference(network, known) else known, path)


def load_orientation_inpainter(path: str | Path) -> OrientationInpainter:
    """Load the network that completes orientation maps, or the one that follows strokes, frozen.

    Parameters
    ----------
    path : str or Path
        A dict with the tensors under ``generator``, or the tensors alone. Which of the two networks it is
        shows in its first layer, 4 or 5 channels.

    Raises
    ------
    UserError
        The file is missing, broken, unsafe to read, or not of this network.
    """
    content = read_state_dict(path)
    state = content.get("generator", content)
    state = strip_prefix(state, "module.") if isinstance(state, Mapping) else content
    inputs = _length(state, "encoder.1.weight_orig", 1, 4)
    width = _length(state, "encoder.1.weight_orig", 0, 64)
    with torch.device("meta"):
        network = OrientationInpainter(inputs=inputs, width=width)
    return _filled(network, state, path)


def _length(state: Mapping[str, Any], name: str, dimension: int, published: int) -> int:
    """Length of a dimension of a tensor; the published one where the file has no such tensor."""
    shape = getattr(state.get(name), "shape", ())
    return shape[dimension] if len(shape) == 4 else published


def _filled(network: Network, tensors: Mapping[str, Any], path: str | Path) -> Network:
    if difference := describe_difference(network, tensors):
        raise refusal(path, difference, "give the file that the authors of MichiGAN publish for this network")
    network.to_empty(device="cpu").load_state_dict(dict(tensors))
    return network.eval().requires_grad_(False)
