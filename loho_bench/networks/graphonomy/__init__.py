"""Graphonomy, the human parser whose hair and face classes give the benchmark its masks."""

from loho_bench.networks.graphonomy.classes import (
    CLASS_NAMES,
    FACE,
    HAIR,
    MIRRORED_CLASSES,
    class_graph,
    normalize_adjacency,
)
from loho_bench.networks.graphonomy.network import Graphonomy, upsample_aligned

__all__ = [
    "CLASS_NAMES",
    "FACE",
    "HAIR",
    "MIRRORED_CLASSES",
    "Graphonomy",
    "class_graph",
    "normalize_adjacency",
    "upsample_aligned",
]
