"""Convolutions with spectral normalization (Miyato et al., ICLR 2018), under the names that PyTorch's has.

The kernel, as a matrix with a row for every output channel, is divided by its largest singular value. That
is estimated by power iteration: one step for every pass in training, none otherwise. PyTorch's own, which
the published checkpoints were saved with, hooks into the module; this one can be copied between two passes
and built without memory.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SpectralConvolution(nn.Conv2d):
    """``nn.Conv2d`` with a normalized kernel."""

    def __init__(self, *sizes: int, **options: Any) -> None:
        super().__init__(*sizes, **options)
        _rename(self, rows=0)

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of x [N, inputs, H, W]."""
        return self._conv_forward(x, normalized_kernel(self, rows=0), self.bias)


class SpectralTransposedConvolution(nn.ConvTranspose2d):
    """``nn.ConvTranspose2d`` with a normalized kernel."""

    def __init__(self, *sizes: int, **options: Any) -> None:
        super().__init__(*sizes, **options)
        _rename(self, rows=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the transposed convolution of x [N, inputs, H, W]."""
        return F.conv_transpose2d(
            x, normalized_kernel(self, rows=1), self.bias, self.stride, self.padding, self.output_padding
        )


def normalized_kernel(module: nn.Module, rows: int) -> Tensor:
    """Return ``weight_orig`` over its largest singular value; ``rows`` is the dimension of the outputs."""
    kernel, u, v = module.weight_orig, module.weight_u, module.weight_v
    matrix = kernel.transpose(0, rows).flatten(1)
    # torch.mv and torch.dot keep float32 where autocast makes bfloat16 of matrix products.
    if module.training:
        with torch.no_grad():
            v.copy_(F.normalize(torch.mv(matrix.T, u), dim=0))
            u.copy_(F.normalize(torch.mv(matrix, v), dim=0))
        u, v = u.clone(), v.clone()  # what this pass derives from must outlive the next one
    return kernel / torch.dot(u, torch.mv(matrix, v))


def _rename(module: nn.Module, rows: int) -> None:
    kernel = module.weight
    del module.weight
    module.register_parameter("weight_orig", kernel)
    length, width = kernel.shape[rows], kernel.numel() // kernel.shape[rows]
    module.register_buffer("weight_u", torch.full((length,), length**-0.5))
    module.register_buffer("weight_v", torch.full((width,), width**-0.5))
