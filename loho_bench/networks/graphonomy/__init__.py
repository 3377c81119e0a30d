"""Graphonomy, the human parser whose hair and face classes give the benchmark its masks."""

from loho_bench.networks.graphonomy.classes import (
    BACKGROUND,
    CLASS_NAMES,
    CLOTHES,
    FACE,
    HAIR,
    HAT,
    MIRRORED_CLASSES,
    SKIN,
    SUNGLASSES,
    class_graph,
    normalize_adjacency,
)
from loho_bench.networks.graphonomy.network import Graphonomy, upsample_aligned
from loho_bench.networks.graphonomy.source import SOURCE_NAMES, class_similarities, source_graph
from loho_bench.networks.graphonomy.transfer import INERT_WEIGHTS, TransferGraphonomy

__all__ = [
    "BACKGROUND",
    "CLASS_NAMES",
    "CLOTHES",
    "FACE",
    "HAIR",
    "HAT",
    "INERT_WEIGHTS",
    "MIRRORED_CLASSES",
    "SKIN",
    "SOURCE_NAMES",
    "SUNGLASSES",
    "Graphonomy",
    "TransferGraphonomy",
    "class_graph",
    "class_similarities",
    "normalize_adjacency",
    "source_graph",
    "upsample_aligned",
]
