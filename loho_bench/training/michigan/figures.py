"""How well the embedded MichiGAN came out: on hair whose right answer is known, and in true transfers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from loho_bench.methods.compositing import Telea
from loho_bench.methods.michigan.method import Michigan
from loho_bench.methods.protocol import Resources, TupleBatch
from loho_bench.metrics.hair_colour import hair_colour_difference
from loho_bench.networks.lpips import Lpips
from loho_bench.networks.michigan import MichiganNetworks, SpadeGenerator
from loho_bench.portraits.images import to_tensor, to_uint8
from loho_bench.portraits.synthetic import combine, from_latent, render
from loho_bench.settings.michigan import MichiganSettings
from loho_bench.settings.project import TupleSettings
from loho_bench.training.dataset import SIZE, PortraitDataset
from loho_bench.training.michigan.batches import Batch, plain_batch
from loho_bench.training.michigan.pairs import ReferencePairs
from loho_bench.training.tuples import ROLES, ChosenTuple, choose_tuples, make_batch

_AT_ONCE = 16
_TUPLES_PER_CATEGORY = 20


@torch.no_grad()
def painting_figures(
    generator: SpadeGenerator, features: Lpips, portraits: PortraitDataset, pairs: ReferencePairs
) -> dict[str, float]:
    """Judge painted hair by the portraits that gave mask and orientation, references being other people.

    Returns
    -------
    dict
        Means over portraits, inside the hair: ``hair_l1`` (of 255), ``hair_psnr`` (dB), ``hair_lpips``,
        ``hair_colour_error`` (of 255, between mean colours); the same with ``flat_`` before them for hair
        filled with the reference's mean colour.
    """
    found: dict[str, list[Tensor]] = {}
    for start in range(0, len(pairs), _AT_ONCE):
        index = np.arange(start, min(start + _AT_ONCE, len(pairs)))
        batch = plain_batch(portraits, pairs, index, SIZE, torch.Generator().manual_seed(start))
        painted = torch.where(batch.hair > 0, generator(**batch.inputs()), batch.target)
        flat = _mean_colour(batch.reference_image, batch.reference_hair)[..., None, None]
        filled = torch.where(batch.hair > 0, flat, batch.target)
        for prefix, image in (("", painted), ("flat_", filled)):
            for name, values in _compare(image, batch, features).items():
                found.setdefault(prefix + name, []).append(values)
    return {name: torch.cat(values).mean().item() for name, values in found.items()}


def _compare(image: Tensor, batch: Batch, features: Lpips) -> dict[str, Tensor]:
    error = 127.5 * (image - batch.target)
    area = 3 * batch.hair.sum(dim=(1, 2, 3))
    squared = (error.square() * batch.hair).sum(dim=(1, 2, 3)) / area
    gap = _mean_colour(image, batch.hair) - _mean_colour(batch.target, batch.hair)
    maps = (features.features(x) for x in (image, batch.target))
    return {
        "hair_l1": (error.abs() * batch.hair).sum(dim=(1, 2, 3)) / area,
        "hair_psnr": 10 * torch.log10(255**2 / squared),
        "hair_lpips": features.distance(*maps, batch.hair),
        "hair_colour_error": 127.5 * gap.abs().mean(dim=1),
    }


def transfer_figures(
    networks: MichiganNetworks, features: Lpips, portraits: PortraitDataset, *, seed: int
) -> dict[str, float]:
    """Judge transfers between tuples drawn by the benchmark's rule, the background filled classically.

    Returns
    -------
    dict
        ``transfer_colour_error``: of 255, between the mean colours of the result inside the structure's mask
        and of the appearance's hair. ``transfer_lpips``: to the true answer; ``identity_lpips``: that of the
        identity left as it is.
    """
    tuples = choose_tuples(portraits, TupleSettings(), _TUPLES_PER_CATEGORY, seed)
    batch = make_batch(portraits, tuples, seed)
    resources = Resources(None, None, None, torch.device("cpu"), inpainter=Telea(), michigan=networks)
    images = Michigan(MichiganSettings(), resources).transfer(batch).images
    truth = true_answers(portraits, tuples)
    return {
        "transfer_colour_error": 255 * float(np.mean(_colour_errors(images, batch))),
        "transfer_lpips": _mean_distance(features, images, truth),
        "identity_lpips": _mean_distance(features, batch.identity, truth),
        "transfers": len(tuples),
    }


def true_answers(portraits: PortraitDataset, tuples: list[ChosenTuple]) -> Tensor:
    """Draw the portraits that perfect transfers would give, ``[N,3,128,128]`` in [-1,1]."""
    drawn = []
    for chosen in tuples:
        indices = {role: getattr(chosen, role) for role in ROLES}
        people = {
            role: from_latent(portraits.latents[index], int(portraits.texture_seeds[index]))
            for role, index in indices.items()
        }
        drawn.append(render(combine(**people), SIZE).image)
    return to_tensor(np.stack(drawn))


def _colour_errors(images: Tensor, batch: TupleBatch) -> list[float]:
    masks = (mask[:, 0].numpy() > 0.5 for mask in (batch.structure_hair, batch.appearance_hair))
    pixels = (to_uint8(images), to_uint8(batch.appearance))
    hair, reference_hair = masks
    return [
        hair_colour_difference(*parts)
        for parts in zip(pixels[0], hair, pixels[1], reference_hair, strict=True)
    ]


@torch.no_grad()
def _mean_distance(features: Lpips, first: Tensor, second: Tensor) -> float:
    pairs = zip(first.split(_AT_ONCE), second.split(_AT_ONCE), strict=True)
    return (
        torch.cat([features.distance(features.features(a), features.features(b)) for a, b in pairs])
        .mean()
        .item()
    )


def _mean_colour(image: Tensor, mask: Tensor) -> Tensor:
    return (image * mask).sum(dim=(2, 3)) / mask.sum(dim=(2, 3)).clamp(min=1)
