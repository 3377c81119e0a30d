"""What every transfer and reconstruction is scored by: one declaration a score, over the metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from loho_bench.curation.tuples import RECONSTRUCTION
from loho_bench.metrics.cost import COSTS
from loho_bench.metrics.hair_colour import hair_colour_difference
from loho_bench.metrics.judging import Case
from loho_bench.metrics.latent_distance import latent_distance
from loho_bench.metrics.mask_iou import mask_iou
from loho_bench.metrics.psnr import psnr
from loho_bench.metrics.spec import MetricSpec, get_metric
from loho_bench.metrics.ssim import ssim


@dataclass(frozen=True)
class Score:
    """One score of a tuple: a metric, what the result is compared with, and how to get the number.

    ``measure`` gives NaN where the number does not exist; ``missing`` then says why. Where ``optional``, a
    method without it has no row instead of a failed one.
    """

    metric: MetricSpec
    against: str
    label: str
    task: Literal["transfer", "reconstruction", "both"]
    protocol: str
    measure: Callable[[Case], float]
    needs_answer: bool = False
    without_answer: bool = False
    optional: bool = False
    missing: str = "the runner recorded no value"

    def applies(self, category: str, synthetic: bool) -> bool:
        """Whether tuples of this category have this score."""
        task = "reconstruction" if category == RECONSTRUCTION else "transfer"
        known = not self.without_answer if synthetic else not self.needs_answer
        return self.task in (task, "both") and known


def _recorded(name: str) -> Callable[[Case], float]:
    return lambda case: _number(case.row.get(name))


def _number(value: object) -> float:
    return float("nan") if value is None else float(value)


def _psnr_within(case: Case, region: np.ndarray, role: str = "identity") -> float:
    """PSNR to an input portrait inside a region, NaN where that is empty."""
    if not region.any():
        return float("nan")
    return psnr(case.result[region][None], case.image(role)[region][None])


def _kept_face_psnr(case: Case) -> float:
    """PSNR to the identity inside ``M1^f ∩ (1 − M2^{h,d})``, the region of the identity loss (eq. 2)."""
    return _psnr_within(case, case.mask("identity", "face") & ~case.grown(case.mask("structure", "hair")))


def _kept_outside_hair_psnr(case: Case) -> float:
    """PSNR to the identity outside the hair of both, each with its margin: what no edit of hair concerns."""
    hair = case.mask("identity", "hair") | case.mask("structure", "hair")
    return _psnr_within(case, ~case.grown(hair))


def _hair_colour(case: Case) -> float:
    return hair_colour_difference(
        case.result, case.hair, case.image("appearance"), case.mask("appearance", "hair")
    )


def _trail(case: Case, wanted: np.ndarray) -> float:
    """Share of the identity's hair that stays where, ``wanted`` being hair, none should be."""
    return float(case.trail(wanted).sum() / case.mask("identity", "hair").sum())


def _latent_distance(case: Case) -> float:
    path = case.row.get("latents")
    if not isinstance(path, str):
        return float("nan")
    with np.load(case.inputs.root / path, allow_pickle=False) as stored:
        latents, mean = torch.from_numpy(stored["latents"]), torch.from_numpy(stored["mean"])
    return float(latent_distance(latents[None], mean)[0])


_ANSWER = (
    "Final portrait against the true answer, which the renderer draws from the three portraits' parameters."
)
_RECONSTRUCTED = "Final portrait against the one image that served as identity, structure and appearance."
_TRAIL = (
    "Share of the identity's hair, outside {}'s dilated hair, that is parsed as hair in the final portrait."
)
_NO_TRAIL = "the new hair covers all of the identity's own"

SCORES: tuple[Score, ...] = (
    Score(
        get_metric("hair_iou"),
        "structure",
        "Hair IoU",
        "transfer",
        "Final portrait, parsed, against the structure's hair mask.",
        lambda case: mask_iou(case.hair, case.mask("structure", "hair")),
    ),
    Score(
        get_metric("hair_iou"),
        "structure, unblended",
        "Hair IoU before blending",
        "transfer",
        "Generator image of the last iteration, not blended, parsed, against the structure's hair mask.",
        _recorded("hair_iou"),
        optional=True,
    ),
    Score(
        get_metric("hair_colour"),
        "appearance",
        "Hair colour error",
        "transfer",
        "Final portrait, inside its own parsed hair mask, against the appearance portrait's hair.",
        _hair_colour,
        missing="no hair was found in the result or in the appearance portrait",
    ),
    Score(
        get_metric("hair_trail"),
        "true answer",
        "Hair trail",
        "transfer",
        _TRAIL.format("the true answer"),
        lambda case: _trail(case, case.answer.hair),
        needs_answer=True,
    ),
    Score(
        get_metric("hair_trail"),
        "structure",
        "Hair trail",
        "transfer",
        _TRAIL.format("the structure"),
        lambda case: _trail(case, case.mask("structure", "hair")),
        without_answer=True,
    ),
    Score(
        get_metric("psnr"),
        "identity face",
        "Face kept",
        "transfer",
        "Final portrait against the identity, inside its face mask, outside the structure's dilated hair.",
        _kept_face_psnr,
        missing="the structure's hair covers the whole face",
    ),
    Score(
        get_metric("psnr"),
        "identity outside hair",
        "Kept outside hair",
        "transfer",
        "Final portrait against the identity, outside the dilated hair of identity and structure.",
        _kept_outside_hair_psnr,
        missing="hair covers the whole frame",
    ),
    Score(get_metric("psnr"), "true answer", "PSNR", "transfer", _ANSWER,
          lambda case: psnr(case.result, case.answer.image), needs_answer=True),
    Score(get_metric("ssim"), "true answer", "SSIM", "transfer", _ANSWER,
          lambda case: ssim(case.result, case.answer.image), needs_answer=True),
    Score(get_metric("lpips"), "true answer", "LPIPS", "transfer", _ANSWER,
          lambda case: case.lpips(case.answer.image), needs_answer=True),
    Score(get_metric("psnr"), "identity", "PSNR", "reconstruction", _RECONSTRUCTED,
          lambda case: psnr(case.result, case.image("identity"))),
    Score(get_metric("ssim"), "identity", "SSIM", "reconstruction", _RECONSTRUCTED,
          lambda case: ssim(case.result, case.image("identity"))),
    Score(get_metric("lpips"), "identity", "LPIPS", "reconstruction", _RECONSTRUCTED,
          lambda case: case.lpips(case.image("identity"))),
    Score(get_metric("latent_distance"), "mean latent", "‖w* − ŵ‖", "reconstruction",
          "W+ found by the reconstruction against the mean latent.", _latent_distance,
          optional=True, missing="the method works without latents"),
    *(Score(cost, "", cost.label, "both", cost.protocol, _recorded(cost.name), optional=True)
      for cost in COSTS),
)  # fmt: skip
