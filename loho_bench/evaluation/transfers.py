"""Transfers of hair between portraits that nothing was trained on, judged against their true answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from loho_bench.annotation.masks import iou
from loho_bench.curation.criteria import CATEGORIES
from loho_bench.methods.catalogue import default_registry
from loho_bench.methods.configuration import configure_method
from loho_bench.methods.protocol import Method, Resources, Transfer, TupleBatch
from loho_bench.metrics.hair_colour import hair_colour_difference
from loho_bench.metrics.lpips_distance import lpips_distance
from loho_bench.networks.graphonomy import HAIR
from loho_bench.portraits.images import to_tensor, to_uint8
from loho_bench.portraits.synthetic import PortraitParameters, Rendered, combine, from_latent, render
from loho_bench.settings.project import Settings
from loho_bench.training.dataset import SIZE, PortraitDataset
from loho_bench.training.tuples import ROLES, ChosenTuple


@dataclass(frozen=True)
class TransferScore:
    """One transfer: IoUs with the structure's and with the true answer's hair, colour error of 255, LPIPS to
    the true answer. The colour error is NaN where the result shows no hair."""

    category: str
    hair_iou: float
    true_hair_iou: float
    colour_error: float
    true_lpips: float


def build_method(name: str, settings: Settings, resources: Resources) -> Method:
    """Build the method ``name`` as the settings of a run say."""
    spec = default_registry().get(name)
    return spec.build(configure_method(spec, settings), resources)


def jobs_of(name: str) -> tuple[str, ...]:
    """Return the jobs of the networks that the method ``name`` is given."""
    return default_registry().get(name).jobs


def true_answers(portraits: PortraitDataset, tuples: Sequence[ChosenTuple]) -> list[Rendered]:
    """Draw the portraits that perfect transfers would give."""

    def parameters(index: int) -> PortraitParameters:
        return from_latent(portraits.latents[index], int(portraits.texture_seeds[index]))

    drawn = [{role: parameters(getattr(t, role)) for role in ROLES} for t in tuples]
    return [render(combine(**portrait), SIZE) for portrait in drawn]


def score_transfers(
    transfer: Transfer, batch: TupleBatch, tuples: Sequence[ChosenTuple], answers: Sequence[Rendered],
    resources: Resources,
) -> list[TransferScore]:  # fmt: skip
    """Score results as the benchmark does.

    Shape is read off the generator's image (``transfer.foreground``) and compared with the structure's exact
    mask; colour and LPIPS off the final portrait. All hair of results is what the parser sees.
    """
    shown = resources.parser.parse(transfer.foreground).cpu()
    seen = resources.parser.parse(transfer.images).cpu().numpy() == HAIR
    shape = iou(batch.structure_hair, (shown == HAIR)[:, None].float())
    finals, appearance = to_uint8(transfer.images), to_uint8(batch.appearance)
    appearance_hair = batch.appearance_hair[:, 0].numpy() > 0.5
    truth = to_tensor(np.stack([answer.image for answer in answers])).to(resources.device)
    true_hair = torch.from_numpy(np.stack([answer.hair for answer in answers]))[:, None].float()
    true_shape = iou(true_hair, (shown == HAIR)[:, None].float())
    distance = lpips_distance(resources.lpips, transfer.images.to(resources.device), truth)
    return [
        TransferScore(
            category=chosen.category,
            hair_iou=float(shape[i]),
            true_hair_iou=float(true_shape[i]),
            colour_error=255
            * hair_colour_difference(finals[i], seen[i], appearance[i], appearance_hair[i]),
            true_lpips=float(distance[i]),
        )
        for i, chosen in enumerate(tuples)
    ]  # fmt: skip


def summarize_transfers(scores: Iterable[TransferScore]) -> dict[str, float | int | dict[str, int] | None]:
    """Return the means over tuples, how many there were, and how many show no hair (no colour to compare)."""
    scores = list(scores)
    colours = [score.colour_error for score in scores if not np.isnan(score.colour_error)]
    return {
        "transfer_hair_iou": float(np.mean([score.hair_iou for score in scores])),
        "transfer_true_hair_iou": float(np.mean([score.true_hair_iou for score in scores])),
        "transfer_colour_error": float(np.mean(colours)) if colours else None,
        "transfer_true_lpips": float(np.mean([score.true_lpips for score in scores])),
        "transfer_without_hair": len(scores) - len(colours),
        "transfer_tuples": {c.name: sum(s.category == c.name for s in scores) for c in CATEGORIES},
    }
