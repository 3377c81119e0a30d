"""MichiGAN's orientation maps between networks: encoding, inpainting and noise, beside NumPy and OpenCV."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from loho_bench.networks.michigan import (
    OrientationInpainter,
    angles_to_rgb,
    fill_orientation,
    octave_noise,
    rgb_to_channels,
)
from loho_bench.networks.michigan.inpainter import SelfAttention


class Echo(torch.nn.Module):
    """Stands in for an inpainter: answers with the first three channels that it is given."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.given = size, None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.given = x
        return x[:, :3]


def test_angles_become_sine_and_cosine_of_their_double():
    angles = torch.linspace(0, 3.1415, 64, dtype=torch.float64).view(1, 1, 8, 8)
    hair = torch.ones(1, 1, 8, 8, dtype=torch.float64)
    hair[..., 4] = 0
    rgb = angles_to_rgb(angles, hair)
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    assert (rgb[:, 2] == 0.5 * hair[:, 0]).all()
    channels = rgb_to_channels(rgb, hair)
    wanted = np.stack([np.sin(2 * angles[0, 0].numpy()), np.cos(2 * angles[0, 0].numpy())])
    np.testing.assert_allclose(channels[0].numpy(), wanted * hair[0].numpy(), atol=1e-12)


def test_an_angle_and_its_opposite_are_the_same():
    hair = torch.ones(1, 1, 4, 4)
    angles = torch.rand(1, 1, 4, 4)
    torch.testing.assert_close(angles_to_rgb(angles, hair), angles_to_rgb(angles + torch.pi, hair))


@pytest.mark.parametrize("size", [16, 32, 64])
def test_holes_get_the_answer_and_nothing_else_changes(size):
    rgb, noise = torch.rand(2, 1, 3, 32, 32)
    hole = torch.zeros(1, 1, 32, 32)
    hole[..., 8:24, 4:20] = 1
    echo = Echo(size)
    filled = fill_orientation(echo, rgb, hole, noise)
    assert echo.given.shape == (1, 4, size, size)
    inside = hole.expand_as(rgb) > 0
    assert torch.equal(filled[~inside], rgb[~inside])
    # Nearest neighbours: at half the size every other pixel, each for a square of four.
    step = max(32 // size, 1)
    wanted = np.kron(noise[0, :, ::step, ::step].numpy(), np.ones((1, step, step), np.float32))
    np.testing.assert_array_equal(filled[inside].numpy(), wanted[inside[0].numpy()])


def test_attention_is_softmax_attention_without_a_scale():
    torch.manual_seed(0)
    layer = SelfAttention(16).double()
    x = torch.randn(2, 16, 5, 7, dtype=torch.float64)
    query, key, value = (f(x).flatten(2).mT for f in (layer.query_conv, layer.key_conv, layer.value_conv))
    wanted = F.scaled_dot_product_attention(query, key, value, scale=1.0).mT.view_as(x)
    torch.testing.assert_close(layer(x), torch.cat([x, wanted], dim=1))


@pytest.mark.parametrize("inputs", [4, 5])
def test_inpainter_rebuilds_from_its_configuration(inputs):
    torch.manual_seed(1)
    first = OrientationInpainter(inputs=inputs, size=32, width=4, blocks=2).eval()
    again = OrientationInpainter(**json.loads(json.dumps(first.config()))).eval()
    again.load_state_dict(first.state_dict())
    x = torch.rand(2, inputs, 32, 32)
    with torch.no_grad():
        answer = first(x)
        assert torch.equal(answer, again(x))
    assert answer.shape == (2, 3, 32, 32)
    assert answer.min() >= 0
    assert answer.max() <= 1
    assert answer.std() > 0.01


def test_noise_is_the_mean_of_octaves_enlarged_as_opencv_does():
    size = 52  # 52, 26, 13: the next would be smaller than 8
    found = octave_noise(2, size, torch.Generator().manual_seed(5))
    draw = torch.Generator().manual_seed(5)
    wanted = np.zeros((2, size, size, 3))
    for side in (52, 26, 13):
        octave = 0.5 + 0.25 * torch.randn(2, 3, side, side, generator=draw)
        for k in range(2):
            wanted[k] += cv2.resize(octave[k].permute(1, 2, 0).double().numpy(), (size, size)) / 3
    np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), wanted, atol=1e-6)


def test_noise_follows_its_generator_alone():
    first, again = (octave_noise(1, 32, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, again)
    draw = torch.Generator().manual_seed(7)
    octave_noise(1, 32, draw)
    assert not torch.equal(first, octave_noise(1, 32, draw))
    assert octave_noise(8, 64, draw).mean() == pytest.approx(0.5, abs=0.02)
