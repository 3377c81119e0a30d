"""What MichiGAN is told of the structure: the orientation of the hair, and which part is to be invented."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from loho_bench.annotation.orientation import LEVELS_PER_HALF_TURN, portrait_orientation
from loho_bench.portraits.images import to_uint8


def orientation_angles(images: Tensor, hair: Tensor) -> Tensor:
    """Return the angles of the hair in radians, ``[N,1,S,S]``, in the 255 levels that MichiGAN stores.

    Parameters
    ----------
    images : Tensor [N, 3, S, S] in [-1, 1]
    hair : Tensor [N, 1, S, S] in {0, 1}
    """
    regions = hair[:, 0].cpu().numpy() > 0
    maps = [portrait_orientation(*pair) for pair in zip(to_uint8(images), regions, strict=True)]
    levels = torch.from_numpy(np.stack(maps))[:, None].to(hair.device)
    return levels.float() * (math.pi / LEVELS_PER_HALF_TURN)


def random_disc(hair: Tensor, area: tuple[float, float], draw: torch.Generator) -> Tensor:
    """Return a disc in the hair, around one of its pixels: ``[1,1,S,S]``, 0 or 1.

    Parameters
    ----------
    hair : Tensor [1, 1, S, S] in {0, 1}
    area : (float, float)
        Its area in units of the hair's is drawn between these; what leaves the hair is cut off.
    draw : torch.Generator
        On the CPU.
    """
    places = hair[0, 0].nonzero()
    share = torch.empty(()).uniform_(*area, generator=draw).item()
    chosen = torch.randint(max(1, len(places)), (), generator=draw).item()
    if not len(places):
        return torch.zeros_like(hair)
    row, column = places[chosen].tolist()
    steps = torch.arange(hair.shape[-1], device=hair.device)
    squared_distance = (steps[:, None] - row) ** 2 + (steps - column) ** 2
    return hair * (squared_distance < share * len(places) / math.pi)
