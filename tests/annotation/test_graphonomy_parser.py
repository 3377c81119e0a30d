"""Graphonomy's protocol around the network: the properties of every step."""

from __future__ import annotations

import pytest
import torch
from small_graphonomy import TINY
from torch import nn

from loho_bench.annotation.graphonomy import MULTI_SCALE, SINGLE_SCALE, GraphonomyParser, unmirror
from loho_bench.annotation.labelling import label_portraits
from loho_bench.networks.graphonomy import CLASS_NAMES, FACE, HAIR, TransferGraphonomy
from loho_bench.parity.rules import generic_weights, graphonomy_gain


class Witness(nn.Module):
    """Stands in for the network: keeps what it saw; hair where blue is brighter than red, face elsewhere."""

    def __init__(self):
        super().__init__()
        self.register_buffer("adjacency", torch.eye(20))
        self.seen: list[torch.Tensor] = []

    def forward(self, bgr):
        assert not self.training
        self.seen.append(bgr.clone())
        logits = torch.full((len(bgr), 20, *bgr.shape[2:]), -9.0)
        logits[:, HAIR], logits[:, FACE] = bgr[:, 0], bgr[:, 2]
        return logits


def tiny_network() -> TransferGraphonomy:
    network = TransferGraphonomy(**TINY).eval().requires_grad_(False)
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    network.load_state_dict(generic_weights(shapes, 1, graphonomy_gain))
    # Otherwise one class wins everywhere.
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    logits = network(images)
    network.semantic.bias -= logits.mean((0, 2, 3))
    network.semantic.weight /= logits.std()
    network.semantic.bias /= logits.std()
    return network


def test_network_sees_clipped_bgr_at_every_scale_and_its_mirror_image():
    network = Witness()
    images = torch.randn(2, 3, 48, 48)
    GraphonomyParser(network, MULTI_SCALE, flip=True).summed_logits(images)
    assert [tuple(seen.shape[2:]) for seen in network.seen] == [(s, s) for s in (48, 24, 36, 60, 72, 84)]
    for seen in network.seen:
        upright, mirrored = seen.chunk(2)
        assert torch.equal(mirrored, upright.flip(-1))
    clipped = images.clamp(-1, 1)
    assert torch.equal(network.seen[0][:2], clipped[:, [2, 1, 0]])
    # Half the size: plain means of 2x2 pixels.
    torch.testing.assert_close(
        network.seen[1][:2, 2], clipped[:, 0].reshape(2, 24, 2, 24, 2).mean((2, 4)), rtol=1e-5, atol=1e-6
    )


def test_scales_are_summed_and_mirror_images_averaged():
    class Constant(Witness):
        def forward(self, bgr):
            size = bgr.shape[-1]
            return torch.full((len(bgr), 20, size, size), float(size))

    images = torch.zeros(1, 3, 40, 40)
    for flip in (False, True):
        logits = GraphonomyParser(Constant(), MULTI_SCALE, flip).summed_logits(images)
        assert logits.shape == (1, 20, 40, 40)
        torch.testing.assert_close(logits, torch.full_like(logits, 40 + 20 + 30 + 50 + 60 + 70))


def test_logits_of_other_scales_come_back_corner_on_corner():
    class Ramp(Witness):
        def forward(self, bgr):
            return torch.linspace(0, 1, bgr.shape[-1]).expand(len(bgr), 20, *bgr.shape[2:])

    logits = GraphonomyParser(Ramp(), (1.0, 0.5)).summed_logits(torch.zeros(1, 3, 40, 40))
    torch.testing.assert_close(logits[0, 0, 0], 2 * torch.linspace(0, 1, 40))


def test_mirroring_exchanges_sides():
    names = [
        CLASS_NAMES[index] for index in unmirror(torch.arange(20.0)[None, :, None, None]).long().flatten()
    ]
    swapped = [
        name.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right") for name in names
    ]
    assert swapped == list(CLASS_NAMES)
    logits = torch.randn(2, 20, 5, 6)
    torch.testing.assert_close(unmirror(logits)[1, 14, 2], logits[1, 15, 2].flip(0))
    torch.testing.assert_close(unmirror(unmirror(logits)), logits)


@pytest.mark.parametrize("scales", [SINGLE_SCALE, (1.0, 0.5)])
def test_with_flips_a_mirrored_portrait_gives_the_mirrored_answer(scales):
    torch.manual_seed(3)
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    for flip in (True, False):
        parser = GraphonomyParser(tiny_network(), scales, flip)
        logits, mirrored = parser.summed_logits(images), unmirror(parser.summed_logits(images.flip(-1)))
        # Without flips a network that is not symmetric answers otherwise: the test would see it.
        assert ((logits - mirrored).abs().max() < 1e-3 * logits.std()) == flip


@pytest.mark.parametrize("size", [32, 64, 100])
def test_labels_have_the_portraits_size_whatever_the_working_size(size):
    network = Witness()
    images = torch.full((2, 3, size, size), -1.0)
    images[:, 2, : size // 2] = 1.0  # blue above
    images[:, 0, size // 2 :] = 1.0  # red below
    labels = GraphonomyParser(network, size=64).parse(images)
    assert {tuple(seen.shape[2:]) for seen in network.seen} == {(64, 64)}
    assert labels.dtype is torch.uint8
    assert labels.shape == (2, size, size)
    edge = size // 2
    assert (labels[:, : edge - 2] == HAIR).all()
    assert (labels[:, edge + 2 :] == FACE).all()


def test_labels_of_a_batch_are_those_of_its_portraits():
    torch.manual_seed(1)
    parser = GraphonomyParser(tiny_network(), (1.0, 0.5), flip=True, size=64)
    images = torch.rand(5, 3, 64, 64) * 2 - 1
    labels = parser.parse(images)
    assert len(labels.unique()) > 3
    for index in range(5):
        assert (parser.parse(images[index : index + 1])[0] != labels[index]).float().mean() < 1e-3


def test_few_portraits_are_shown_at_once():
    sizes = []

    def logits_of(images):
        sizes.append(len(images))
        return torch.zeros(len(images), 2, *images.shape[2:])

    assert label_portraits(torch.zeros(40, 3, 16, 16), 256, logits_of).shape == (40, 16, 16)
    assert sizes == [16, 16, 8]
    sizes.clear()
    label_portraits(torch.zeros(5, 3, 16, 16), 256, logits_of, magnified=8)
    assert sizes == [2, 2, 1]
    sizes.clear()
    # Large portraits come back large.
    label_portraits(torch.zeros(2, 3, 1024, 1024), 16, logits_of)
    assert sizes == [1, 1]


def test_no_portraits_give_no_labels():
    assert GraphonomyParser(Witness()).parse(torch.zeros(0, 3, 64, 64)).shape == (0, 64, 64)
