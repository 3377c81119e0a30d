"""The generator's noise inputs while it learns: some take the renderer's own maps.

What falls at random in a portrait, single hairs above all, the renderer draws from noise maps. Fed with the
same maps, the generator can learn what they are for.
"""

from __future__ import annotations

import torch
from torch import Tensor

from loho_bench.networks.stylegan2 import Generator

TEXTURED = (32, 64, 128)
"""Resolutions whose first convolution takes the renderer's map of that size."""
TEXTURE_STRENGTH = 0.2
"""Strength of these inputs. It is fixed: left to learn, it vanishes before the convolutions behind it have
learned what the noise is for."""
OTHER_STRENGTH = 0.02
"""Strength that the other inputs start with."""


@torch.no_grad()
def set_noise_strengths(generator: Generator) -> None:
    """Fix the strength of the textured noise inputs and start that of the others, in place."""
    for position, layer in enumerate((generator.conv1, *generator.convs)):
        textured = _is_textured(position, generator.noise_shapes[position])
        layer.noise.weight.fill_(TEXTURE_STRENGTH if textured else OTHER_STRENGTH)
        layer.noise.weight.requires_grad_(not textured)


def noise_inputs(generator: Generator, texture: dict[int, Tensor], draw: torch.Generator) -> list[Tensor]:
    """Return maps for all inputs: the portraits' own where the input is textured, else drawn ones.

    Parameters
    ----------
    texture : dict of Tensor [N, 1, r, r]
        By resolution r, see :meth:`PortraitDataset.texture_noise`.
    draw : torch.Generator
        On the CPU.
    """
    count = len(next(iter(texture.values())))
    return [
        texture[r] if _is_textured(position, r) else torch.randn(count, 1, r, r, generator=draw)
        for position, r in enumerate(generator.noise_shapes)
    ]


def random_noise(generator: Generator, count: int, draw: torch.Generator) -> list[Tensor]:
    """Return drawn maps [count, 1, r, r] for all inputs."""
    return [torch.randn(count, 1, r, r, generator=draw) for r in generator.noise_shapes]


def _is_textured(position: int, resolution: int) -> bool:
    return position % 2 == 1 and resolution in TEXTURED
