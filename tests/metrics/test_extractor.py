"""The embedded extractor: range, pooling, order of the layers, independence of the batch."""

import pytest
import torch
from torch import nn

from loho_bench.metrics.features import LAYERS, EmbeddedExtractor
from loho_bench.networks.vgg import Vgg16


class EchoNetwork(nn.Module):
    """Gives the image it sees as every activation, scaled differently for each layer."""

    def forward(self, x, layers):
        self.seen = x
        return {name: x * (k + 1) for k, name in reversed(list(enumerate(layers)))}


@pytest.fixture(scope="module")
def vgg():
    torch.manual_seed(0)
    return Vgg16((4, 5, 6, 7, 8))


def test_network_sees_the_training_size_in_minus_one_to_one():
    echo = EchoNetwork()
    images = torch.zeros(2, 3, 299, 299)
    images[1] = 255
    features = EmbeddedExtractor(echo, size=64)(images)
    assert echo.seen.shape == (2, 3, 64, 64)
    expected = torch.tensor([1.0, 1, 1, 2, 2, 2, 3, 3, 3])
    torch.testing.assert_close(features, torch.stack([-expected, expected]))


def test_reduction_is_antialiased():
    echo = EchoNetwork()
    stripes = torch.zeros(1, 3, 256, 256)
    stripes[..., 1::4] = stripes[..., 2::4] = (
        255  # what sampling without a filter would hit, and nothing else
    )
    EmbeddedExtractor(echo, size=64)(stripes)
    assert echo.seen[..., 2:-2].max() < 0.6


def test_features_are_spatial_means_of_three_depths(vgg):
    images = torch.rand(2, 3, 64, 64) * 255
    features = EmbeddedExtractor(vgg, size=64)(images)
    activations = vgg(images / 127.5 - 1, list(LAYERS))
    assert features.shape == (2, 6 + 7 + 8)
    start = 0
    for layer in ("relu3_3", "relu4_3", "relu5_3"):
        width = activations[layer].shape[1]
        expected = activations[layer].flatten(2).sum(-1) / activations[layer][0, 0].numel()
        torch.testing.assert_close(features[:, start : start + width], expected)
        start += width


def test_batch_gives_what_its_members_give(vgg):
    extractor = EmbeddedExtractor(vgg, size=64)
    images = torch.rand(3, 3, 299, 299) * 255
    alone = torch.cat([extractor(image[None]) for image in images])
    torch.testing.assert_close(extractor(images), alone, rtol=1e-5, atol=1e-6)
    assert not extractor(images).requires_grad
