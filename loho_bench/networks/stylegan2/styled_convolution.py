"""The work of a styled convolution, differentiated by hand.

Modulation, convolution, demodulation, noise, bias and activation are one node of the graph: it keeps its
input and its output and nothing between them, and its backward pass reads every map as few times as it can.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight

from loho_bench.networks.pixels import accurate, maps_of, pixels, sums_of_products, weighted_sums

LEAKY_SLOPE = 0.2


class StyledConvolution(torch.autograd.Function):
    """y = lrelu(scale * conv(styles * x) + noise + bias), bound at +-clamp: :func:`styled_convolution`."""

    @staticmethod
    def forward(
        x: Tensor,
        styles: Tensor,
        scale: Tensor,
        noise: Tensor,
        bias: Tensor,
        weight: Tensor,
        kernel: Tensor | None,
        clamp: float | None,
    ) -> Tensor:
        """Compute y; shapes are those of :func:`styled_convolution`."""
        dtype = x.dtype
        modulated = maps_of(pixels(x) * styles.to(dtype)[:, None], x.shape[2])
        if kernel is None:
            y = F.conv2d(modulated, weight, padding=1)
        else:
            y = F.conv_transpose2d(modulated, weight, stride=2)
            y = F.conv2d(y, kernel, padding=1, groups=len(kernel))
        rows = torch.addcmul(bias.to(dtype), pixels(y), scale.to(dtype)[:, None])
        rows = F.leaky_relu_(rows.add_(pixels(noise.to(dtype))), LEAKY_SLOPE)
        return maps_of(rows if clamp is None else rows.clamp_(-clamp, clamp), y.shape[2])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        """Keep input and output, and the small factors."""
        *tensors, ctx.clamp = inputs
        ctx.save_for_backward(*tensors, output)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Differentiate by everything but kernel and clamp."""
        x, styles, scale, noise, bias, weight, kernel, y = ctx.saved_tensors
        needs_x, _, _, needs_noise, needs_bias, needs_weight, *_ = ctx.needs_input_grad
        size, dtype = y.shape[2], y.dtype
        g_rows, y_rows = pixels(gradient), pixels(y)
        if ctx.clamp is not None:
            g_rows = g_rows * (y_rows.abs() < ctx.clamp)
        g_before = torch.ops.aten.leaky_relu_backward(g_rows, y_rows, LEAKY_SLOPE, True)

        noise_rows = noise.flatten(1)[:, None].to(dtype)
        factors = torch.cat([torch.ones_like(noise_rows), noise_rows], dim=1).expand(len(y), -1, -1)
        by_bias, by_noise = weighted_sums(factors, g_before).unbind(1)
        # An activation's slope times what went in is what came out, so the sum needs no map of its own.
        by_scale = (sums_of_products(g_rows, y_rows) - by_bias * bias - by_noise) / scale
        g_noise = None
        if needs_noise:
            g_noise = g_before.sum(2).to(noise.dtype).reshape(len(y), 1, size, -1)
            g_noise = g_noise if len(noise) > 1 else g_noise.sum(0, keepdim=True)

        g_convolved = maps_of(g_before * scale.to(dtype)[:, None], size)
        if kernel is None:
            g_modulated = F.conv_transpose2d(g_convolved, weight, padding=1)
        else:
            g_convolved = F.conv2d(g_convolved, kernel, padding=2, groups=len(kernel))
            g_modulated = F.conv2d(g_convolved, weight, stride=2)
        g_weight = None
        if needs_weight:
            modulated = maps_of(pixels(x) * styles.to(dtype)[:, None], x.shape[2])
            if kernel is None:
                g_weight = conv2d_weight(modulated, weight.shape, g_convolved, padding=1)
            else:
                g_weight = conv2d_weight(g_convolved, weight.shape, modulated, stride=2)
        by_styles = sums_of_products(pixels(g_modulated), pixels(x))
        g_x = None
        if needs_x:
            g_x = maps_of(pixels(g_modulated) * styles.to(dtype)[:, None], x.shape[2])
        g_bias = by_bias.sum(0) if needs_bias else None
        return g_x, by_styles, by_scale, g_noise, g_bias, g_weight, None, None


def styled_convolution(
    x: Tensor,
    styles: Tensor,
    scale: Tensor,
    noise: Tensor,
    bias: Tensor,
    weight: Tensor,
    kernel: Tensor | None = None,
    clamp: float | None = None,
) -> Tensor:
    """Modulated, demodulated convolution with noise, bias and leaky ReLU of slope 0.2.

    Parameters
    ----------
    x : Tensor [N, in, r, r]
        Maps, quickest channels last; their dtype is that of the large operations.
    styles, scale : Tensor [N, in], [N, out] float32
        Factors of the input's channels, and of the convolved channels.
    noise : Tensor [N or 1, 1, R, R] float32
        Added to every channel, already at its strength.
    bias : Tensor [out] float32
    weight : Tensor [out, in, 3, 3]
        In the dtype of ``x``; ``[in, out, 3, 3]``, as of a transposed convolution, where there is a kernel.
    kernel : Tensor [out, 1, 4, 4], optional
        Low-pass filter of a doubling, symmetric, in the dtype of ``x``; then R = 2r, else R = r.
    clamp : float, optional
        Bound of the result.

    Returns
    -------
    Tensor
        [N, out, R, R], dtype of ``x``. It can be differentiated once.
    """
    return StyledConvolution.apply(x, styles, scale, noise, bias, weight, kernel, clamp)


class RgbOfPixels(torch.autograd.Function):
    """A colour of every pixel: pixels [N, P, C] times weights [N, 3, C] -> [N, 3, P]; float32 or wider."""

    @staticmethod
    def forward(rows: Tensor, weights: Tensor) -> Tensor:
        """Multiply in the dtype of ``rows``."""
        product = torch.bmm(rows, weights.to(rows.dtype).transpose(1, 2))
        return product.transpose(1, 2).to(accurate(rows))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        """Keep both factors."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Differentiate by both factors."""
        rows, weights = ctx.saved_tensors
        gradient = gradient.to(rows.dtype)
        by_rows = torch.bmm(gradient.transpose(1, 2), weights.to(rows.dtype))
        return by_rows, weighted_sums(gradient, rows)
