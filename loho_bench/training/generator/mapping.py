"""The mapping network: from normal draws to image codes, with samples as varied as the portraits.

The renderer's own latents are the leading components of z. A regression from them alone gives the mean of all
codes that it cannot tell apart, and samples that look like averages. What it leaves unexplained therefore
becomes the remaining components of z: its principal components, each made normal.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from loho_bench.networks.stylegan2 import Generator

_BATCH = 256
# The mapping network's run-time factor of 0.01 divides every step; the rate makes up for it.
_LEARNING_RATE = 3.0
_DRAWS = 20_000


def fit_mapping(
    generator: Generator, latents: Tensor, codes: Tensor, *, seed: int, steps: int = 6000
) -> None:
    """Fit the mapping network in place and freeze it.

    Parameters
    ----------
    generator : Generator
    latents : Tensor [N, K] float32
        The renderer's standard normals: the leading K components of z.
    codes : Tensor [N, D] float32
        What z shall lead to.
    seed : int
        Draws the batches.
    steps : int
        Optimiser steps; as many for each half of the portraits beforehand.
    """
    draw = torch.Generator().manual_seed(seed)
    free = generator.style_dim - latents.shape[1]
    rest = normal_components(unexplained(generator.style, latents, codes, steps, draw), free)
    _regress(generator.style, torch.cat([latents, rest], dim=1), codes, steps, draw)
    generator.style.requires_grad_(False)
    match_spread(generator, codes.std(dim=0), draw)


def unexplained(
    mapping: nn.Module, latents: Tensor, codes: Tensor, steps: int, draw: torch.Generator
) -> Tensor:
    """Return what a network like ``mapping`` cannot predict of the codes from the latents, [N, D].

    Each half is predicted by a network fitted on the other half: its own memory would pass for knowledge.
    """
    z = nn.functional.pad(latents, (0, codes.shape[1] - latents.shape[1]))
    residual = torch.empty_like(codes)
    halves = torch.randperm(len(codes), generator=draw).chunk(2)
    for own, other in (halves, halves[::-1]):
        network = copy.deepcopy(mapping)
        _regress(network, z[own], codes[own], steps, draw)
        with torch.no_grad():
            residual[other] = codes[other] - network(z[other])
    return residual


def normal_components(residual: Tensor, count: int) -> Tensor:
    """Return the scores [N, count] of ``residual`` [N, D] on its principal components, made standard normal
    by their ranks."""
    _, _, directions = torch.linalg.svd(residual - residual.mean(0), full_matrices=False)
    scores = residual @ directions[:count].T
    ranks = scores.argsort(dim=0).argsort(dim=0).double()
    return torch.special.ndtri((ranks + 0.5) / len(ranks)).float()


def match_spread(generator: Generator, deviation: Tensor, draw: torch.Generator) -> None:
    """Give each component of w the standard deviation ``deviation`` [D], in place.

    Least squares shrinks what it cannot fit. The last layer is linear up to a kink at 0: scaling a row of it
    scales that component.
    """
    z = torch.randn(_DRAWS, generator.style_dim, generator=draw)
    last = generator.style[-1]
    gain = deviation / generator.mapping(z).std(dim=0)
    last.weight.data.mul_(gain[:, None])
    last.bias.data.mul_(gain)


def _regress(mapping: nn.Module, z: Tensor, codes: Tensor, steps: int, draw: torch.Generator) -> None:
    mapping.requires_grad_(True)
    optimizer = torch.optim.Adam(mapping.parameters(), lr=_LEARNING_RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        index = torch.randint(len(codes), (_BATCH,), generator=draw)
        optimizer.zero_grad(set_to_none=True)
        (mapping(z[index]) - codes[index]).square().mean().backward()
        optimizer.step()
        schedule.step()
