"""The layer that is differentiated by hand, against automatic differentiation of the textbook's formula."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from loho_bench.networks.pixels import maps_of, pixels, self_product, sums_of_products, weighted_sums
from loho_bench.networks.stylegan2.layers import upsampling_kernel
from loho_bench.networks.stylegan2.styled_convolution import styled_convolution

N, IN, OUT, SIZE = 2, 3, 5, 6


def inputs(upsample: bool, own_noise: bool) -> dict[str, torch.Tensor]:
    """Float64 inputs that all want a gradient."""
    draw = torch.Generator().manual_seed(5)
    size = SIZE * 2 if upsample else SIZE
    shapes = {
        "x": (N, IN, SIZE, SIZE),
        "styles": (N, IN),
        "scale": (N, OUT),
        "noise": (N if own_noise else 1, 1, size, size),
        "bias": (OUT,),
        "weight": (IN, OUT, 3, 3) if upsample else (OUT, IN, 3, 3),
    }
    values = {k: torch.randn(s, generator=draw, dtype=torch.float64) for k, s in shapes.items()}
    values["scale"] = values["scale"].abs() + 0.5
    return {name: value.requires_grad_() for name, value in values.items()}


def textbook(x, styles, scale, noise, bias, weight, kernel, clamp):
    """Modulate the weights of every sample, convolve, add, rectify, bound."""
    images = []
    for index in range(len(x)):
        if kernel is None:
            own = weight * styles[index, None, :, None, None] * scale[index, :, None, None, None]
            y = F.conv2d(x[index : index + 1], own, padding=1)
        else:
            own = weight * styles[index, :, None, None, None] * scale[index, None, :, None, None]
            y = F.conv_transpose2d(x[index : index + 1], own, stride=2)
            y = F.conv2d(y, kernel, padding=1, groups=OUT)
        images.append(y)
    y = F.leaky_relu(torch.cat(images) + noise + bias[:, None, None], 0.2)
    return y if clamp is None else y.clamp(-clamp, clamp)


@pytest.mark.parametrize("clamp", [None, 1.5])
@pytest.mark.parametrize("own_noise", [True, False])
@pytest.mark.parametrize("upsample", [False, True])
def test_value_and_every_gradient(upsample, own_noise, clamp):
    given = inputs(upsample, own_noise)
    kernel = upsampling_kernel().double().expand(OUT, 1, 4, 4).contiguous() if upsample else None
    found = styled_convolution(**given, kernel=kernel, clamp=clamp)
    expected = textbook(**given, kernel=kernel, clamp=clamp)
    torch.testing.assert_close(found, expected)
    cotangent = torch.randn(found.shape, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    ours, theirs = (
        torch.autograd.grad((y * cotangent).sum(), list(given.values())) for y in (found, expected)
    )
    for name, a, b in zip(given, ours, theirs, strict=True):
        torch.testing.assert_close(a, b, msg=lambda text, name=name: f"{name}: {text}")


def test_frozen_weights_are_not_differentiated():
    given = inputs(upsample=False, own_noise=True)
    given["weight"].requires_grad_(False)
    y = styled_convolution(**given)
    wanted = [value for name, value in given.items() if name != "weight"]
    assert all(gradient is not None for gradient in torch.autograd.grad(y.sum(), wanted))


@pytest.mark.parametrize("pixel_count", [512, 35])
def test_sums_over_pixels_are_those_of_einsum(pixel_count):
    draw = torch.Generator().manual_seed(7)
    a, b = (torch.randn(N, pixel_count, 4, generator=draw, dtype=torch.float64) for _ in range(2))
    weights = torch.randn(N, 3, pixel_count, generator=draw, dtype=torch.float64)
    torch.testing.assert_close(sums_of_products(a, b), torch.einsum("npc,npc->nc", a, b))
    torch.testing.assert_close(weighted_sums(weights, a), torch.einsum("nkp,npc->nkc", weights, a))
    torch.testing.assert_close(self_product(a), torch.einsum("npc,npd->ncd", a, a))
    assert torch.autograd.gradcheck(self_product, (a[:, :9].clone().requires_grad_(),))


def test_rows_of_pixels_are_a_view_of_channels_last_maps():
    maps = torch.randn(N, 4, 6, 5).contiguous(memory_format=torch.channels_last)
    rows = pixels(maps)
    assert rows.data_ptr() == maps.data_ptr()
    assert torch.equal(rows[1, 2 * 5 + 3], maps[1, :, 2, 3])
    assert torch.equal(maps_of(rows, 6), maps)
