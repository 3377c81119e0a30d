"""The 20 classes of CIHP, which Graphonomy labels, and the graph of which classes touch.

Two classes are neighbours when they meet on a body: hair touches hat and face, a leg touches its shoe.
The list is that of the Graphonomy publication (CVPR 2019, "intra-graph reasoning").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

CLASS_NAMES: tuple[str, ...] = (
    "background",
    "hat",
    "hair",
    "glove",
    "sunglasses",
    "upper clothes",
    "dress",
    "coat",
    "socks",
    "pants",
    "torso skin",
    "scarf",
    "skirt",
    "face",
    "left arm",
    "right arm",
    "left leg",
    "right leg",
    "left shoe",
    "right shoe",
)
BACKGROUND = CLASS_NAMES.index("background")
HAT = CLASS_NAMES.index("hat")
HAIR = CLASS_NAMES.index("hair")
SUNGLASSES = CLASS_NAMES.index("sunglasses")
CLOTHES = CLASS_NAMES.index("upper clothes")
SKIN = CLASS_NAMES.index("torso skin")  # neck too; ears too in synthetic portraits
FACE = CLASS_NAMES.index("face")

# Classes whose side changes when the image is mirrored.
MIRRORED_CLASSES: tuple[tuple[int, int], ...] = ((14, 15), (16, 17), (18, 19))

# Every pair once, under the class with the smaller id. The background touches nothing.
_NEIGHBOURS: dict[str, tuple[str, ...]] = {
    "hat": ("hair", "face"),
    "hair": ("face",),
    "glove": ("left arm", "right arm"),
    "sunglasses": ("face",),
    "upper clothes": (
        "dress",
        "coat",
        "pants",
        "torso skin",
        "scarf",
        "skirt",
        "left arm",
        "right arm",
    ),
    "dress": ("coat", "torso skin", "scarf", "left arm", "right arm", "left leg", "right leg"),
    "coat": ("pants", "torso skin", "scarf", "skirt", "left arm", "right arm"),
    "socks": ("left leg", "right leg", "left shoe", "right shoe"),
    "pants": ("torso skin", "left leg", "right leg", "left shoe", "right shoe"),
    "torso skin": ("scarf", "skirt", "face", "left arm", "right arm", "left leg", "right leg"),
    "scarf": ("face",),
    "skirt": ("left leg", "right leg"),
    "left leg": ("left shoe",),
    "right leg": ("right shoe",),
}


def adjacency_matrix(names: Sequence[str], neighbours: Mapping[str, Sequence[str]]) -> Tensor:
    """Return the 0/1 matrix [K, K] float32 of classes that touch; every pair needs to be listed once only."""
    adjacency = torch.zeros(len(names), len(names))
    for name, others in neighbours.items():
        for other in others:
            first, second = names.index(name), names.index(other)
            adjacency[first, second] = adjacency[second, first] = 1.0
    return adjacency


def normalize_adjacency(adjacency: Tensor) -> Tensor:
    """Return the symmetric normalisation with self-loops, ``D^-1/2 (A + I) D^-1/2``.

    Parameters
    ----------
    adjacency : Tensor [K, K]
        Symmetric, non-negative. A self-loop that it has already is counted besides the added one.

    Returns
    -------
    Tensor [K, K]
        Same dtype; ``D`` is the diagonal of the row sums of ``A + I``.
    """
    looped = adjacency + torch.eye(len(adjacency), dtype=adjacency.dtype, device=adjacency.device)
    scale = looped.sum(dim=1).rsqrt()
    return scale[:, None] * looped * scale[None, :]


def class_graph() -> Tensor:
    """Return the normalised adjacency of the CIHP classes, [20, 20] float32, symmetric."""
    return normalize_adjacency(adjacency_matrix(CLASS_NAMES, _NEIGHBOURS))
