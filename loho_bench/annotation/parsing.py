"""Hair and face of portraits as a parser sees them, at the size at which masks are kept."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.annotation.protocols import Parser
from loho_bench.networks.graphonomy import FACE, HAIR


@torch.inference_mode()
def find_hair_and_face(images: Tensor, parser: Parser, mask_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Parse portraits and keep the two classes that count.

    Parameters
    ----------
    images : Tensor [N, 3, S, S] float32, RGB in [-1, 1]
    parser : Parser
    mask_size : int
        Side M of the masks in pixels.

    Returns
    -------
    tuple of numpy.ndarray
        Hair and face, ``[N, M, M] bool`` each.
    """
    # Labels are names, not amounts: the nearest one is taken, none is mixed.
    labels = F.interpolate(parser.parse(images)[:, None].float(), size=(mask_size, mask_size), mode="nearest")
    labels = labels[:, 0].cpu().numpy()
    return labels == HAIR, labels == FACE
