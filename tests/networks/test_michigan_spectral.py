"""Spectral normalization beside PyTorch's own and NumPy's singular values."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import spectral_norm

from loho_bench.networks.michigan.spectral import (
    SpectralConvolution,
    SpectralTransposedConvolution,
    normalized_kernel,
)

KINDS = [
    pytest.param(SpectralConvolution, nn.Conv2d, 0, id="plain"),
    pytest.param(SpectralTransposedConvolution, nn.ConvTranspose2d, 1, id="transposed"),
]
SIZES = (3, 5, 4)
OPTIONS = {"stride": 2, "padding": 1}


@pytest.mark.parametrize(("ours", "theirs", "rows"), KINDS)
def test_training_and_use_are_those_of_pytorch(ours, theirs, rows):
    torch.manual_seed(0)
    wanted = spectral_norm(theirs(*SIZES, **OPTIONS))
    found = ours(*SIZES, **OPTIONS)
    found.load_state_dict(wanted.state_dict())
    for network in (found, wanted):
        network.train()
    x = torch.randn(2, 3, 8, 8)
    for _ in range(3):
        # Two passes before each step back, as when a real and a made picture are judged together.
        losses = [(network(x) * network(x + 1)).sum() for network in (found, wanted)]
        torch.testing.assert_close(*losses)
        for network, loss in zip((found, wanted), losses, strict=True):
            network.zero_grad()
            loss.backward()
        torch.testing.assert_close(found.weight_orig.grad, wanted.weight_orig.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.state_dict(), wanted.state_dict())
    torch.testing.assert_close(found.eval()(x), wanted.eval()(x))
    assert torch.equal(found.state_dict()["weight_u"], found.weight_u)


@pytest.mark.parametrize(("ours", "theirs", "rows"), KINDS)
def test_passes_in_training_lead_to_the_largest_singular_value(ours, theirs, rows):
    torch.manual_seed(1)
    layer = ours(*SIZES, **OPTIONS)
    with torch.autocast("cpu", torch.bfloat16):
        for _ in range(200):
            layer(torch.zeros(1, 3, 8, 8))
    kernel = normalized_kernel(layer.eval(), rows).detach().transpose(0, rows).flatten(1)
    assert layer.weight_u.dtype == torch.float32
    assert np.linalg.svd(kernel.numpy(), compute_uv=False)[0] == pytest.approx(1, abs=1e-4)


def test_a_copy_can_be_taken_between_passes():
    layer = SpectralConvolution(3, 4, 3)
    wanted = layer(torch.ones(1, 3, 3, 3)).detach()
    again = copy.deepcopy(layer).eval()
    assert torch.equal(again(torch.ones(1, 3, 3, 3)), wanted)
