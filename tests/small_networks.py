"""A generator of 32 pixels and a feature network of few channels, random but fixed."""

from __future__ import annotations

import math

import torch

from loho_bench.networks.lpips import Lpips, LpipsHeads
from loho_bench.networks.stylegan2 import Generator
from loho_bench.networks.vgg import Vgg16
from loho_bench.parity.rules import generic_weights

SIZE = 32


def small_networks() -> tuple[Generator, Lpips]:
    """Both networks, frozen; no global random number is used up."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        generator = Generator(SIZE, 16, 2, {4: 12, 8: 12, 16: 8, 32: 8})
        for name, value in generator.named_parameters():
            if name.endswith("noise.weight"):
                torch.nn.init.constant_(value, 0.2)
        # Drawn so that a signal keeps its size through the layers; PyTorch's own draw lets it fade.
        widths = (8, 8, 12, 12, 12)
        shapes = {key: tuple(value.shape) for key, value in Vgg16(widths).state_dict().items()}
        lpips = Lpips(Vgg16.from_state_dict(generic_weights(shapes, 5, math.sqrt(2))), LpipsHeads(widths))
    for network in (generator, lpips):
        network.eval().requires_grad_(False)
    return generator, lpips
