"""Random portraits of the generator beside rendered ones: can they be told apart, do they cover the same?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from loho_bench.annotation.protocols import LandmarkDetector, Parser
from loho_bench.evaluation.annotators import batches
from loho_bench.evaluation.classifier import classifier_accuracy
from loho_bench.evaluation.coverage import compare_attributes, read_attributes
from loho_bench.networks.graphonomy import HAIR
from loho_bench.networks.stylegan2 import Generator
from loho_bench.portraits.images import to_uint8

_AT_ONCE = 16
PATCH = 32
"""Side in pixels of the pieces of hair that the second classifier sees."""
_HAIR_SHARE = 0.95
_TRIES = 200


@torch.no_grad()
def draw_samples(generator: Generator, count: int, seed: int) -> np.ndarray:
    """Draw random portraits with fresh noise maps, not truncated: uint8 [count, S, S, 3] RGB."""
    images = []
    draw = torch.Generator().manual_seed(seed)
    for index in batches(count, _AT_ONCE):
        latents = generator.mapping(torch.randn(len(index), generator.style_dim, generator=draw))
        noise = [torch.randn(len(index), 1, r, r, generator=draw) for r in generator.noise_shapes]
        images.append(to_uint8(generator(generator.repeat(latents), noise)))
    return np.concatenate(images)


def measure_samples(
    samples: np.ndarray,
    renders: np.ndarray,
    parser: Parser,
    detector: LandmarkDetector,
    *,
    steps: int,
    seed: int,
) -> dict[str, float | dict[str, float]]:
    """Compare samples with renders, both uint8 [N, S, S, 3]; the two numbers may differ.

    Returns
    -------
    dict
        ``sample_classifier_accuracy`` and ``sample_classifier_accuracy_hair`` (of whole portraits, and of
        pieces of hair; 0.5: cannot be told apart, 1: always), and for every attribute of
        :func:`~loho_bench.evaluation.coverage.read_attributes` its ``sample_coverage`` (distance of the
        distributions, 0: equal) and ``sample_spread`` (ratio of the deviations, 1: equally diverse).
    """
    ours, labels = read_attributes(samples, parser, detector)
    theirs, exact = read_attributes(renders, parser, detector)
    draw = np.random.default_rng(seed)
    pieces = [np.array(list(hair_patches(*pair, draw))) for pair in ((samples, labels), (renders, exact))]
    return {
        "sample_classifier_accuracy": classifier_accuracy(samples, renders, steps=steps, seed=seed),
        "sample_classifier_accuracy_hair": classifier_accuracy(*pieces, steps=steps, seed=seed),
        **compare_attributes(ours, theirs),
    }


def hair_patches(images: np.ndarray, labels: np.ndarray, draw: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield a square piece of hair, uint8 [32, 32, 3], of every portrait that shows one so large.

    Parameters
    ----------
    images : uint8 [N, S, S, 3]
    labels : uint8 [N, S, S]
    draw : numpy.random.Generator
        Chooses the place.
    """
    for image, hair in zip(images, labels == HAIR, strict=True):
        places = draw.integers(0, len(image) - PATCH + 1, (_TRIES, 2))
        for top, left in places:
            frame = np.s_[top : top + PATCH, left : left + PATCH]
            if hair[frame].mean() >= _HAIR_SHARE:
                yield image[frame]
                break
