"""Graphonomy as published: a second graph of coarse body parts informs the graph of the 20 classes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.networks.graphonomy.network import Graphonomy
from loho_bench.networks.graphonomy.reasoning import FeaturesToNodes, GraphConvolution
from loho_bench.networks.graphonomy.source import SOURCE_NAMES, class_similarities, source_graph

INERT_WEIGHTS: tuple[str, ...] = (
    "source_graph_conv3.weight",  # the third source convolution uses the second one's weights
    "transpose_graph.adj",  # a learnt transfer matrix, replaced by the similarities in every call
    "target_graph_2_fea.node_fea_for_res",  # cancels in a softmax, see NodesToFeatures
)
"""Tensors of the published checkpoint that no output depends on; this class does not hold them."""


class TransferGraphonomy(Graphonomy):
    """The published network: before each of its three convolutions the target graph hears the source graph.

    A target node is joined with two mixtures of the source nodes, one weighted by how alike the nodes'
    features are and one by how alike the classes' names are, and the three are mapped back to a node's width.

    Parameters
    ----------
    **config
        See :class:`Graphonomy`; the defaults are the published widths.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        hidden, features = self._config["hidden"], self._config["decoder_width"]
        self.source_featuremap_2_graph = FeaturesToNodes(
            features, len(SOURCE_NAMES), hidden, averaged=self._config["averaged_nodes"]
        )
        self.source_graph_conv1 = GraphConvolution(hidden, hidden)
        self.source_graph_conv2 = GraphConvolution(hidden, hidden)
        self.transpose_graph = GraphConvolution(hidden, hidden)
        self.fc_graph = GraphConvolution(3 * hidden, hidden)
        # Constants of the architecture, like the target graph's adjacency.
        self.register_buffer("source_adjacency", source_graph(), persistent=False)
        self.register_buffer("transfer", class_similarities().softmax(dim=-1), persistent=False)

    def reason_at_source(self, decoded: Tensor) -> list[Tensor]:
        """Return the source nodes [N, 7, hidden] after one, two and three graph convolutions."""
        nodes = self.source_featuremap_2_graph(decoded)
        stages = []
        # Twice the second: so the official forward pass does, and so the weights were trained.
        for convolution in (self.source_graph_conv1, self.source_graph_conv2, self.source_graph_conv2):
            nodes = convolution(nodes, self.source_adjacency)
            stages.append(nodes)
        return stages

    def combine(self, target: Tensor, source: Tensor) -> Tensor:
        """Return target nodes [N, 20, hidden] that have heard source nodes [N, 7, hidden]."""
        alike = F.normalize(target, dim=-1) @ F.normalize(source, dim=-1).transpose(1, 2)
        by_features = alike.softmax(dim=-1).to(source.dtype) @ source
        by_names = self.transpose_graph(source, self.transfer)
        return self.fc_graph(torch.cat([target, by_features, by_names], dim=-1))

    def reason(self, decoded: Tensor) -> Tensor:
        """Return the class nodes [N, 20, hidden] of the decoded features; see :meth:`Graphonomy.reason`."""
        nodes = self.target_featuremap_2_graph(decoded)
        convolutions = (self.target_graph_conv1, self.target_graph_conv2, self.target_graph_conv3)
        for convolution, source in zip(convolutions, self.reason_at_source(decoded), strict=True):
            nodes = convolution(self.combine(nodes, source), self.adjacency)
        return nodes
