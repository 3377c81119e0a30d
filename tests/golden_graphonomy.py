"""The published Graphonomy with weights rebuilt by the rule that its reference values were made with."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache

from torch import Tensor

from loho_bench.networks.graphonomy import TransferGraphonomy
from loho_bench.parity.rules import generic_weights


def official_weights(shapes: Mapping[str, tuple[int, ...]], salt: int = 303) -> dict[str, Tensor]:
    """State dict by the generic rule with the gains of Graphonomy's keys."""
    state: dict[str, Tensor] = {}
    for key, shape in shapes.items():
        state.update(generic_weights({key: tuple(shape)}, salt, _gain(key)))
    return state


def golden_network(semantic_bias: Tensor) -> TransferGraphonomy:
    """The network whose outputs the reference values are: their files differ in the last bias only."""
    network = copy.deepcopy(_without_bias())
    network.semantic.bias.copy_(semantic_bias)
    return network


@cache
def _without_bias() -> TransferGraphonomy:
    network = TransferGraphonomy().eval().requires_grad_(False)
    network.load_state_dict(
        official_weights({key: tuple(tensor.shape) for key, tensor in network.state_dict().items()})
    )
    return network


def _gain(key: str) -> float:
    if ".rep." in key or key.startswith("semantic"):
        return 1.0
    if key.startswith("concat_projection_conv1"):
        return 0.1
    if key.endswith("featuremap_2_graph.weight"):
        return 0.01
    return 2.0 if "graph" in key else 1.7
