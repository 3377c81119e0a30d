"""Regularization and normalisation of noise maps (equation 7) beside the reference's."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from loho_bench.methods.loho.noise import noise_loss, normalize_noise_
from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.reference import Reference

SECTION = None
FILE = "noise_losses.safetensors"
VALUE, GRADIENT, MAP = 1e-5, 1e-4, 1e-5


def files(reference: Reference) -> list[str]:
    """Return the files that the folder should have for this component."""
    return [FILE] if reference.has(FILE) else []


def compare(reference: Reference) -> Iterator[Comparison]:
    """Compare every case of the file.

    The reference takes means over a whole batch. In a case of several samples its sums therefore mix them and
    have no counterpart here; its normalised maps have one, once every sample is brought to mean 0 and
    variance 1 by itself, since the mixture only shifted and scaled them.
    """
    check, stored = Checks("noise"), reference.tensors(FILE)
    for tag in sorted({name.split(".")[0] for name in stored}):
        maps = levels(stored, f"{tag}.noise")
        if len(maps[0]) == 1:
            yield from _values(check, tag, maps, stored)
        normalised = [level.clone() for level in maps]
        normalize_noise_(normalised)
        wanted, note = levels(stored, f"{tag}.normalized"), ""
        if len(maps[0]) > 1:
            wanted = [_standardised(level) for level in wanted]
            note = "per sample; the official sums mix samples and have no counterpart"
        yield check.worst(
            f"{tag}: normalised maps",
            (
                check.absolute(f"map {i}", found, expected, MAP, note=note)
                for i, (found, expected) in enumerate(zip(normalised, wanted, strict=True))
            ),
        )


def levels(stored: dict[str, Tensor], prefix: str) -> list[Tensor]:
    """Return the tensors ``prefix_0``, ``prefix_1``, ... as long as there are any."""
    found = []
    while f"{prefix}_{len(found)}" in stored:
        found.append(stored[f"{prefix}_{len(found)}"])
    return found


def _values(check: Checks, tag: str, maps: list[Tensor], stored: dict[str, Tensor]) -> Iterator[Comparison]:
    noise = [level.clone().requires_grad_() for level in maps]
    value = noise_loss(noise)
    yield check.relative(f"{tag}: loss", value[0], stored[f"{tag}.regularize"], VALUE)
    alone = torch.stack([noise_loss([level])[0] for level in noise])
    yield check.norm(f"{tag}: loss of each map", alone, stored[f"{tag}.regularize_per_map"], VALUE)
    gradients = torch.autograd.grad(value.sum(), noise)
    yield check.worst(
        f"{tag}: gradients",
        (
            check.norm(f"map {i}", found, wanted, GRADIENT)
            for i, (found, wanted) in enumerate(zip(gradients, levels(stored, f"{tag}.grad"), strict=True))
        ),
    )


def _standardised(level: Tensor) -> Tensor:
    deviation, mean = torch.std_mean(level.double(), dim=(1, 2, 3), keepdim=True)
    return (level - mean) / deviation
