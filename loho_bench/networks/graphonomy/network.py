"""Graphonomy: DeepLabv3+ on Xception with reasoning over the graph of classes, at any width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.graphonomy.classes import CLASS_NAMES, class_graph
from loho_bench.networks.graphonomy.reasoning import FeaturesToNodes, GraphConvolution, NodesToFeatures
from loho_bench.networks.graphonomy.xception import SeparableConv, Xception


def upsample_aligned(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize [N, C, h, w] bilinearly to ``size`` (height, width), corner pixels onto corner pixels."""
    if x.shape[2:] == tuple(size):
        return x
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)


class PointwiseConv(nn.Module):
    """ASPP's branch without dilation: 1x1 convolution, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.atrous_convolution = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, outputs, H, W] for x [N, inputs, H, W]."""
        return F.relu(self.bn(self.atrous_convolution(x)), inplace=True)


class AtrousConv(nn.Module):
    """A rectified separable convolution with a dilation: a branch of ASPP, or a layer of the decoder."""

    def __init__(self, inputs: int, outputs: int, rate: int) -> None:
        super().__init__()
        self.atrous_convolution = SeparableConv(inputs, outputs, dilation=rate, rectify=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return [N, outputs, H, W] for x [N, inputs, H, W]."""
        return self.atrous_convolution(x)


class Graphonomy(nn.Module):
    """Labels the pixels of a portrait with the 20 CIHP classes.

    Defaults are the published widths; module names are those of the published checkpoint, whose second graph
    (for the transfer from PASCAL) is that of :class:`~.transfer.TransferGraphonomy`.

    Parameters
    ----------
    stem, entry, middle_blocks, exit, strides
        See :class:`Xception`.
    aspp_width : int
        Channels of every branch of the atrous pyramid and of their projection.
    aspp_rates : sequence of 3 int
        Dilations of its three separable branches.
    low_level_width : int
        Channels that the low-level features are projected to.
    decoder_width : int
        Channels of the decoder, and of the features that meet the graph.
    hidden : int
        Width of a node of the class graph.
    averaged_nodes : bool
        See :class:`FeaturesToNodes`.
    """

    def __init__(
        self,
        *,
        stem: Sequence[int] = (32, 64),
        entry: Sequence[int] = (128, 256, 728),
        middle_blocks: int = 16,
        exit: Sequence[int] = (1024, 1536, 1536, 2048),
        strides: Sequence[int] = (2, 2, 2, 2, 1),
        aspp_width: int = 256,
        aspp_rates: Sequence[int] = (6, 12, 18),
        low_level_width: int = 48,
        decoder_width: int = 256,
        hidden: int = 128,
        averaged_nodes: bool = False,
    ) -> None:
        super().__init__()
        self._config = {
            "stem": list(stem),
            "entry": list(entry),
            "middle_blocks": middle_blocks,
            "exit": list(exit),
            "strides": list(strides),
            "aspp_width": aspp_width,
            "aspp_rates": list(aspp_rates),
            "low_level_width": low_level_width,
            "decoder_width": decoder_width,
            "hidden": hidden,
            "averaged_nodes": averaged_nodes,
        }
        classes = len(CLASS_NAMES)
        self.xception_features = Xception(stem, entry, middle_blocks, exit, strides)
        self.aspp1 = PointwiseConv(exit[-1], aspp_width)
        self.aspp2, self.aspp3, self.aspp4 = (AtrousConv(exit[-1], aspp_width, rate) for rate in aspp_rates)
        self.global_avg_pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(exit[-1], aspp_width, 1, bias=False),
            nn.BatchNorm2d(aspp_width),
            nn.ReLU(inplace=True),
        )
        self.concat_projection_conv1 = nn.Conv2d(5 * aspp_width, aspp_width, 1, bias=False)
        self.concat_projection_bn1 = nn.BatchNorm2d(aspp_width)
        self.feature_projection_conv1 = nn.Conv2d(entry[1], low_level_width, 1, bias=False)
        self.feature_projection_bn1 = nn.BatchNorm2d(low_level_width)
        self.decoder = nn.Sequential(
            AtrousConv(aspp_width + low_level_width, decoder_width, 1),
            AtrousConv(decoder_width, decoder_width, 1),
        )
        self.target_featuremap_2_graph = FeaturesToNodes(
            decoder_width, classes, hidden, averaged=averaged_nodes
        )
        self.target_graph_conv1 = GraphConvolution(hidden, hidden)
        self.target_graph_conv2 = GraphConvolution(hidden, hidden)
        self.target_graph_conv3 = GraphConvolution(hidden, hidden)
        self.target_graph_2_fea = NodesToFeatures(hidden, decoder_width)
        self.target_skip_conv = nn.Sequential(
            nn.Conv2d(decoder_width, decoder_width, 1), nn.ReLU(inplace=True)
        )
        self.semantic = nn.Conv2d(decoder_width, classes, 1)
        # A constant of the architecture, not a weight: it stays out of the state dict.
        self.register_buffer("adjacency", class_graph(), persistent=False)

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON: ``Graphonomy(**config)`` rebuilds it."""
        return {
            name: list(value) if isinstance(value, list) else value for name, value in self._config.items()
        }

    def pyramid(self, x: Tensor) -> Tensor:
        """Return ASPP with global pooling, [N, aspp_width, h, w], for x [N, exit[-1], h, w]."""
        pooled = self.global_avg_pool(x).expand(-1, -1, *x.shape[2:])
        branches = [branch(x) for branch in (self.aspp1, self.aspp2, self.aspp3, self.aspp4)]
        x = self.concat_projection_conv1(torch.cat([*branches, pooled], dim=1))
        return F.relu(self.concat_projection_bn1(x), inplace=True)

    def decode(self, features: Tensor, low_level: Tensor) -> Tensor:
        """Return [N, decoder_width, h', w']: the pyramid of ``features`` joined with ``low_level``."""
        low_level = F.relu(
            self.feature_projection_bn1(self.feature_projection_conv1(low_level)), inplace=True
        )
        upsampled = upsample_aligned(self.pyramid(features), low_level.shape[2:])
        return self.decoder(torch.cat([upsampled, low_level], dim=1))

    def reason(self, decoded: Tensor) -> Tensor:
        """Return the class nodes [N, 20, hidden] of the decoded features after three graph convolutions."""
        nodes = self.target_featuremap_2_graph(decoded)
        for convolution in (self.target_graph_conv1, self.target_graph_conv2, self.target_graph_conv3):
            nodes = convolution(nodes, self.adjacency)
        return nodes

    def classify(self, decoded: Tensor, nodes: Tensor) -> Tensor:
        """Return logits [N, 20, h', w'] from the decoded features and the class nodes."""
        return self.semantic(self.target_skip_conv(decoded) + self.target_graph_2_fea(nodes))

    def coarse_logits(self, images: Tensor) -> Tensor:
        """Return logits [N, 20, h', w'] at the stride of the low-level features; see :meth:`forward`."""
        decoded = self.decode(*self.xception_features(images))
        return self.classify(decoded, self.reason(decoded))

    def forward(self, images: Tensor) -> Tensor:
        """Label images.

        Parameters
        ----------
        images : Tensor [N, 3, H, W] in [-1, 1]
            RGB or BGR, as the weights were trained.

        Returns
        -------
        Tensor [N, 20, H, W]
            Logits, upsampled with aligned corners; class ids are those of ``CLASS_NAMES``.
        """
        return upsample_aligned(self.coarse_logits(images), images.shape[2:])
