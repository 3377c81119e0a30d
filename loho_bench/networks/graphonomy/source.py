"""The seven classes of PASCAL-Person-Part, Graphonomy's source graph, and how near they are to CIHP's.

The published network learned PASCAL's coarse body parts first; its target graph of clothes and limbs borrows
from theirs (CVPR 2019, "inter-graph transfer").
"""

from __future__ import annotations

import torch
from torch import Tensor

from loho_bench.networks.graphonomy.classes import CLASS_NAMES, adjacency_matrix, normalize_adjacency

SOURCE_NAMES: tuple[str, ...] = (
    "background",
    "head",
    "torso",
    "upper arms",
    "lower arms",
    "upper legs",
    "lower legs",
)

# Every pair once, under the class with the smaller id.
_NEIGHBOURS: dict[str, tuple[str, ...]] = {
    "head": ("torso",),
    "torso": ("upper arms", "upper legs"),
    "upper arms": ("lower arms",),
    "upper legs": ("lower legs",),
}

# Cosine similarities of the word embeddings of a CIHP class and of the source classes, in their order.
# The embeddings are not published; the numbers are the constant ``cihp2pascal_nlp_adj`` of the official code
# (github.com/Gaoyiminggithub/Graphonomy, networks/graph.py), there seven rows of twenty.
_SIMILARITIES: dict[str, tuple[float, ...]] = {
    "background": (1.0, 0.39615879, 0.16373166, 0.32687232, 0.34069369, 0.28477487, 0.3011378),
    "hat": (0.35333052, 0.46201529, 0.21663339, 0.38482461, 0.34817292, 0.35139564, 0.31775977),
    "hair": (0.32727194, 0.52321467, 0.3053872, 0.37693463, 0.37525998, 0.42742352, 0.42922647),
    "glove": (0.17418084, 0.30826114, 0.28377612, 0.41610834, 0.36497069, 0.41664321, 0.36896257),
    "sunglasses": (0.18757584, 0.25669527, 0.1372435, 0.20415749, 0.17841617, 0.20004676, 0.17597556),
    "upper clothes": (0.40608522, 0.54747773, 0.4448808, 0.76749079, 0.69746208, 0.78566833, 0.72214655),
    "dress": (0.37503981, 0.3670523, 0.29479995, 0.35139853, 0.31731463, 0.42237487, 0.39162804),
    "coat": (0.35448462, 0.3901983, 0.31092595, 0.3787411, 0.34628951, 0.41048549, 0.38137872),
    "socks": (0.22598555, 0.27519473, 0.22703953, 0.28411737, 0.25167277, 0.37933812, 0.34980296),
    "pants": (0.23893579, 0.3433325, 0.33983576, 0.35155421, 0.32072379, 0.46542516, 0.43818419),
    "torso skin": (0.33064262, 0.52728509, 0.75778818, 0.58792618, 0.56711286, 0.62444759, 0.60879174),
    "scarf": (0.28923404, 0.32771333, 0.2619818, 0.31141718, 0.24894776, 0.3274493, 0.26762545),
    "skirt": (0.27986573, 0.34819325, 0.37069392, 0.40585111, 0.37000453, 0.49466009, 0.46271161),
    "face": (0.4211553, 0.63882953, 0.35184867, 0.51189218, 0.52600859, 0.49314658, 0.51150476),
    "left arm": (0.36915778, 0.68042925, 0.49877512, 0.82042737, 0.82483993, 0.71244233, 0.72318109),
    "right arm": (0.41377746, 0.69368576, 0.49979437, 0.8342413, 0.84966274, 0.71497003, 0.73678399),
    "left leg": (0.32485771, 0.63395791, 0.51853277, 0.70732188, 0.7033991, 0.8234787, 0.82620388),
    "right leg": (0.37248222, 0.65344337, 0.52517541, 0.72752501, 0.73449378, 0.83566589, 0.84942166),
    "left shoe": (0.36865639, 0.59538781, 0.32517741, 0.60327325, 0.56649608, 0.62597135, 0.5943811),
    "right shoe": (0.41500332, 0.6071375, 0.32377309, 0.61431337, 0.58888791, 0.62626812, 0.60607602),
}


def source_graph() -> Tensor:
    """Return the normalised adjacency of the source classes, [7, 7] float32, symmetric.

    The published graph lists every class as its own neighbour, so each has two self-loops once the
    normalisation has added its own.
    """
    adjacency = adjacency_matrix(SOURCE_NAMES, _NEIGHBOURS)
    return normalize_adjacency(adjacency + torch.eye(len(SOURCE_NAMES)))


def class_similarities() -> Tensor:
    """Return the similarities of the word embeddings, [20, 7] float32: CIHP classes by source classes."""
    return torch.tensor([_SIMILARITIES[name] for name in CLASS_NAMES])
