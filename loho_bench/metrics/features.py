"""The embedded feature extractor for FID: the vectors of a residual network of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class EmbeddedExtractor(nn.Module):
    """Image to feature vector, in the form that clean-fid asks of a custom extractor.

    The network is none that a method optimises against. Its vectors are means over space, which makes them
    blind to small shifts, as in the Inception network of the published FID. They are short (128 numbers
    instead of 2048): with few images the covariance of long ones would be mostly unknown. The numbers are on
    a scale of their own; they say nothing about a published FID, which is why ``name`` goes into every row.

    Parameters
    ----------
    network : Module
        From images [N, 3, S, S] in [-1, 1] to vectors [N, D]; its weights are used as they are, frozen.
    size : int
        Side S in pixels at which the network looks at an image: that of its training.
    name : str
        What rows call this extractor.
    """

    def __init__(self, network: nn.Module, *, size: int = 128, name: str = "embedded-resnet"):
        super().__init__()
        self.network, self.size, self.name = network, size, name
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
        return self.network(images)
