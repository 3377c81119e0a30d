"""The embedded extractor: range, size, and independence of the batch."""

import pytest
import torch
from torch import nn

from loho_bench.metrics.features import EmbeddedExtractor
from loho_bench.networks.resnet import ResNet


class EchoNetwork(nn.Module):
    """Gives the means of the image it sees."""

    def forward(self, x):
        self.seen = x
        return x.mean(dim=(2, 3))


@pytest.fixture(scope="module")
def extractor():
    torch.manual_seed(0)
    return EmbeddedExtractor(ResNet(widths=(4, 5, 6, 7), depths=(1, 1, 1, 1), dimension=9), size=64)


def test_network_sees_the_training_size_in_minus_one_to_one():
    echo = EchoNetwork()
    images = torch.zeros(2, 3, 299, 299)
    images[1] = 255
    features = EmbeddedExtractor(echo, size=64)(images)
    assert echo.seen.shape == (2, 3, 64, 64)
    torch.testing.assert_close(features, torch.tensor([[-1.0] * 3, [1.0] * 3]))


def test_reduction_is_antialiased():
    echo = EchoNetwork()
    stripes = torch.zeros(1, 3, 256, 256)
    # What sampling without a filter would hit, and nothing else.
    stripes[..., 1::4] = stripes[..., 2::4] = 255
    EmbeddedExtractor(echo, size=64)(stripes)
    assert echo.seen[..., 2:-2].max() < 0.6


def test_features_are_the_vectors_of_the_network_in_evaluation_mode(extractor):
    images = torch.rand(2, 3, 64, 64) * 255
    assert not extractor.network.training
    features = extractor(images)
    assert features.shape == (2, 9)
    assert features.dtype == torch.float32
    assert torch.equal(features, extractor.network(images / 127.5 - 1))
    assert features.std() > 0


def test_batch_gives_what_its_members_give(extractor):
    images = torch.rand(3, 3, 299, 299) * 255
    alone = torch.cat([extractor(image[None]) for image in images])
    torch.testing.assert_close(extractor(images), alone, rtol=1e-5, atol=1e-6)
    assert not extractor(images).requires_grad


def test_rows_do_not_call_it_what_the_losses_use(extractor):
    assert extractor.name == "embedded-resnet"
