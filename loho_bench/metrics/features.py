"""The embedded feature extractor for FID: pooled activations of the embedded VGG-shaped network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from loho_bench.networks.vgg import Vgg16

LAYERS = ("relu3_3", "relu4_3", "relu5_3")


class EmbeddedExtractor(nn.Module):
    """Image to feature vector, in the form that clean-fid asks of a custom extractor.

    Three depths are pooled: texture and strands live in relu3_3, parts of the face and the hair's outline
    in relu4_3 and relu5_3. The mean over space makes a feature blind to small shifts, as in the Inception
    network of the published FID. The numbers are on a scale of their own; they say nothing about a
    published FID, which is why ``name`` goes into every row.

    Parameters
    ----------
    vgg : Vgg16
        Its weights are used as they are, frozen.
    size : int
        Side in pixels at which the network looks at an image: that of its training.
    layers : sequence of str
        Activations to pool, concatenated in this order.
    name : str
        What rows call this extractor.
    """

    def __init__(
        self, vgg: Vgg16, *, size: int = 128, layers: Sequence[str] = LAYERS, name: str = "embedded-vgg"
    ):
        super().__init__()
        self.vgg, self.size, self.layers, self.name = vgg, size, tuple(layers), name
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return features ``[N, D]`` float32.

        Parameters
        ----------
        images : float32 [N, 3, H, W]
            RGB in [0, 255], as clean-fid passes them (299x299, not rounded). They are reduced to ``size``
            with an antialiased bilinear filter and shifted to [-1, 1].
        """
        images = images.float() / 127.5 - 1
        if images.shape[-2:] != (self.size, self.size):
            images = functional.interpolate(
                images, size=(self.size, self.size), mode="bilinear", align_corners=False, antialias=True
            )
        activations = self.vgg(images, self.layers)
        return torch.cat([activations[layer].mean(dim=(2, 3)) for layer in self.layers], dim=1)
