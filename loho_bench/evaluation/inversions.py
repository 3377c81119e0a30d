"""Whether the generator can be made to show a portrait, and whether the parser reads what it then shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from loho_bench.annotation.protocols import Parser
from loho_bench.evaluation.annotators import overlap, pooled_iou
from loho_bench.metrics.psnr import psnr
from loho_bench.metrics.ssim import ssim
from loho_bench.networks.graphonomy import FACE, HAIR
from loho_bench.networks.lpips import Lpips
from loho_bench.networks.stylegan2 import Generator
from loho_bench.portraits.images import to_tensor, to_uint8
from loho_bench.training.dataset import PortraitDataset
from loho_bench.training.inversion import invert

AT_ONCE = 8
"""Portraits inverted together."""


@dataclass(frozen=True)
class Inversions:
    """Scores of some portraits found again: PSNR (dB) and SSIM of each, overlaps of hair and face."""

    psnr: list[float]
    ssim: list[float]
    hair: np.ndarray
    face: np.ndarray


def measure_inversions(
    generator: Generator,
    features: Lpips,
    parser: Parser,
    portraits: PortraitDataset,
    index: np.ndarray,
    *,
    steps: int,
    seed: int,
) -> Inversions:
    """Find the portraits ``index`` from the mean latent in W+ and noise, and compare.

    The parser's labels of what the generator shows are compared with the portraits' exact ones.
    """
    found = to_uint8(invert(generator, features, portraits.batch(index), steps, seed))
    wanted = portraits.images[index]
    labels = parser.parse(to_tensor(found)).numpy()
    return Inversions(
        psnr=[psnr(a, b) for a, b in zip(found, wanted, strict=True)],
        ssim=[ssim(a, b) for a, b in zip(found, wanted, strict=True)],
        hair=overlap(labels, portraits.labels[index], HAIR),
        face=overlap(labels, portraits.labels[index], FACE),
    )


def summarize_inversions(parts: Iterable[Inversions]) -> dict[str, float]:
    """Return mean PSNR and SSIM over portraits, and the parser's IoUs over all their pixels together."""
    parts = list(parts)
    return {
        "inversion_psnr": float(np.mean([value for part in parts for value in part.psnr])),
        "inversion_ssim": float(np.mean([value for part in parts for value in part.ssim])),
        "parser_hair_iou_generated": pooled_iou(part.hair for part in parts),
        "parser_face_iou_generated": pooled_iou(part.face for part in parts),
    }
