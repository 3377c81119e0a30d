"""The 20 classes of CIHP, which Graphonomy labels, and the graph of which classes touch.

Two classes are neighbours when they meet on a body: hair touches hat and face, a leg touches its shoe.
The list is that of the Graphonomy publication (CVPR 2019, "intra-graph reasoning").
"""

from __future__ import annotations

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
HAIR = CLASS_NAMES.index("hair")
CLOTHES = CLASS_NAMES.index("upper clothes")
SKIN = CLASS_NAMES.index("torso skin")  # neck and ears too
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


def normalize_adjacency(adjacency: Tensor) -> Tensor:
    """Return the symmetric normalisation with self-loops, ``D^-1/2 (A + I) D^-1/2``.

    Parameters
    ----------
    adjacency : Tensor [K, K]
        Symmetric, non-negative, zero diagonal.

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
    adjacency = torch.zeros(len(CLASS_NAMES), len(CLASS_NAMES))
    for name, neighbours in _NEIGHBOURS.items():
        for other in neighbours:
            first, second = CLASS_NAMES.index(name), CLASS_NAMES.index(other)
            adjacency[first, second] = adjacency[second, first] = 1.0
    return normalize_adjacency(adjacency)
