"""Reasoning over the class graph: features to nodes, graph convolutions, nodes to features.

Module names are those of the published checkpoint.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _uniform(rows: int, columns: int) -> nn.Parameter:
    """Return a weight [rows, columns] drawn uniformly with variance 1 / (3 rows)."""
    return nn.Parameter(torch.empty(rows, columns).uniform_(-(rows**-0.5), rows**-0.5))


class FeaturesToNodes(nn.Module):
    """Every position votes for the classes and adds its features to theirs.

    Parameters
    ----------
    features : int
        Channels of the feature map.
    nodes : int
        Number of classes.
    hidden : int
        Width of a node.
    averaged : bool
        Divide by the number of positions per class, so that nodes do not grow with the image's area. The
        published network sums.
    """

    def __init__(self, features: int, nodes: int, hidden: int, *, averaged: bool = False) -> None:
        super().__init__()
        self.pre_fea = _uniform(features, nodes)
        self.weight = _uniform(features, hidden)
        self.averaged = averaged

    def forward(self, x: Tensor) -> Tensor:
        """Return nodes [N, nodes, hidden], non-negative, for x [N, features, H, W]."""
        positions = x.flatten(2).transpose(1, 2)
        votes = (positions @ self.pre_fea).softmax(dim=-1)
        # Votes are applied before the projection to node width: the same product, far fewer multiplications.
        gathered = votes.transpose(1, 2) @ positions.to(votes.dtype)
        if self.averaged:
            gathered = gathered * (votes.shape[-1] / votes.shape[-2])
        return (gathered @ self.weight).relu()


class GraphConvolution(nn.Module):
    """``relu(A X W)`` with an adjacency A given to :meth:`forward`, or ``relu(X W)`` without one."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = _uniform(inputs, outputs)

    def forward(self, nodes: Tensor, adjacency: Tensor | None = None) -> Tensor:
        """Return [N, L, outputs] for nodes [N, K, inputs] and an adjacency [L, K]; L is K without one."""
        nodes = nodes @ self.weight
        return (nodes if adjacency is None else adjacency.to(nodes.dtype) @ nodes).relu()


class NodesToFeatures(nn.Module):
    """The nodes' mean, weighted by a softmax of their own scores, as features.

    The publication scores a node at a position by the sum of a term of the node and a term of the position.
    The latter is the same for all nodes, so the softmax over nodes cancels it and the result is the same at
    every position; only the node's term is kept here (the checkpoint's ``node_fea_for_res`` has no effect).
    """

    def __init__(self, hidden: int, features: int) -> None:
        super().__init__()
        self.node_fea_for_hidden = _uniform(hidden, 1)
        self.weight = _uniform(hidden, features)

    def forward(self, nodes: Tensor) -> Tensor:
        """Return [N, features, 1, 1], non-negative, to be added everywhere, for nodes [N, K, hidden]."""
        shares = (nodes @ self.node_fea_for_hidden).softmax(dim=1)
        mixed = (shares.transpose(1, 2) @ (nodes @ self.weight).to(shares.dtype)).relu()
        return mixed.transpose(1, 2)[..., None]
