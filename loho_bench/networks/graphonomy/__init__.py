"""Graphonomy, the human parser whose hair and face classes give the benchmark its masks."""

from loho_bench.networks.graphonomy.classes import (
    BACKGROUND,
    CLASS_NAMES,
    CLOTHES,
    FACE,
    HAIR,
    MIRRORED_CLASSES,
    SKIN,
    class_graph,
    normalize_adjacency,
)
from loho_bench.networks.graphonomy.network import Graphonomy, upsample_aligned

__all__ = [
    "BACKGROUND",
    "CLASS_NAMES",
    "CLOTHES",
    "FACE",
    "HAIR",
    "MIRRORED_CLASSES",
    "SKIN",
    "Graphonomy",
    "class_graph",
    "normalize_adjacency",
    "upsample_aligned",
]
