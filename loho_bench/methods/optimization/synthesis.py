"""How a method that searches a generator's latents begins and ends, whatever it minimises between."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from loho_bench.methods.compositing import blend, inpaint_background, soft_mask
from loho_bench.methods.loho.targets import resize_to
from loho_bench.methods.protocol import Resources, TupleBatch
from loho_bench.networks.graphonomy import FACE, HAIR
from loho_bench.networks.stylegan2 import Generator

_LATENT_SAMPLES = 10_000
_LATENT_SEED = 0


class Finished(NamedTuple):
    """Portraits ``[N,3,S,S]`` in [-1,1], the soft mask ``[N,1,S,S]`` of hair and face, and the parser's hair
    ``[N,1,s,s]`` in {0,1} at the size that it saw."""

    images: Tensor
    mask: Tensor
    hair: Tensor


def prepare_networks(resources: Resources) -> None:
    """Freeze the generator and the feature network, and set the arithmetic of their convolutions."""
    for network in (resources.generator, resources.lpips):
        network.eval().requires_grad_(False)
    resources.generator.compute_dtype = resources.lpips.vgg.compute_dtype = resources.compute_dtype


def latent_statistics(generator: Generator) -> tuple[Tensor, float]:
    """Give the mean latent ``[D]`` and the deviation of W, the same for every method."""
    mean, deviation = generator.latent_statistics(_LATENT_SAMPLES, _LATENT_SEED)
    return mean, float(deviation)


@torch.no_grad()
def finish(foreground: Tensor, batch: TupleBatch, resources: Resources, seen_size: int) -> Finished:
    """Blend hair and face of ``foreground`` ``[N,3,S,S]`` onto the background of the identity.

    The parser sees ``foreground`` reduced to ``seen_size`` pixels.
    """
    size = foreground.shape[-1]
    labels = resources.parser.parse(resize_to(foreground, seen_size))[:, None]
    mask = soft_mask(((labels == HAIR) | (labels == FACE)).float(), size)
    background = inpaint_background(
        resize_to(batch.identity, size),
        resize_to(torch.maximum(batch.identity_hair, batch.identity_face), size),
        resources.inpainter,
    )
    return Finished(blend(foreground, background, mask), mask, (labels == HAIR).float())
