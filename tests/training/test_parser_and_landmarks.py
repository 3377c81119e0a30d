"""Training of the parser and of the landmark network: its pieces, and that a killed one goes on exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from loho_bench.networks.graphonomy import FACE, HAIR, Graphonomy
from loho_bench.networks.hourglass import decode
from loho_bench.training import landmarks as landmark_training
from loho_bench.training import loop
from loho_bench.training import parser as parser_training
from loho_bench.training.augmentation import (
    step_generator,
)
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import PortraitDataset
from loho_bench.training.landmarks import peaks
from loho_bench.training.parser import border_cross_entropy, borders, crop, parser_figures


def test_borders_are_where_dilation_and_erosion_differ():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.repeat(rng.integers(0, 3, (2, 6, 7)), 5, 1), 5, 2)
    cross = ndimage.generate_binary_structure(2, 1)
    wanted = [
        ndimage.grey_dilation(x, footprint=cross) != ndimage.grey_erosion(x, footprint=cross) for x in labels
    ]
    assert np.array_equal(borders(torch.from_numpy(labels)).numpy(), np.stack(wanted))


def test_border_cross_entropy_weighs_every_border_pixel_and_a_quarter_of_the_rest():
    labels = torch.full((4, 32, 32), FACE)
    labels[:, :16] = HAIR
    logits = torch.zeros(4, 20, 32, 32)
    logits[:, HAIR, :16] = logits[:, FACE, 16:] = 30.0  # right but for the two rows at the border
    logits[:, :, 15:17] = 0
    found = [border_cross_entropy(logits, labels, step_generator(0, step)) for step in range(50)]
    wanted = np.log(20) * 2 / (2 + 0.25 * 30)
    assert torch.stack(found).mean().item() == pytest.approx(wanted, rel=0.02)


def test_crops_of_images_and_labels_fit():
    labels = torch.arange(128 * 128).reshape(1, 128, 128).repeat(2, 1, 1)
    images = labels[:, None].expand(-1, 3, -1, -1).float()
    corners = set()
    for step in range(200):
        part, part_labels = crop(images, labels, 64, step_generator(0, step))
        assert part.shape == (2, 3, 64, 64)
        assert torch.equal(part[:, 0], part_labels.float())
        corners.add(divmod(part_labels[0, 0, 0].item(), 128))
    tops, lefts = zip(*corners, strict=True)
    for starts in (tops, lefts):
        assert 0 <= min(starts) < 5
        assert 59 < max(starts) <= 64


def test_peaks_are_decoded_to_their_landmarks():
    landmarks = torch.rand(4, 68, 2, generator=torch.manual_seed(0)) * 0.8 + 0.1
    maps = peaks(landmarks, 32, 32)
    assert maps.shape == (4, 68, 32, 32)
    assert maps.amax((2, 3)).min() > 0.8
    assert ((decode(maps) - landmarks) * 32).abs().max() < 0.03


class _Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.slope = torch.nn.Parameter(torch.zeros(3))


def _descend(folder, steps, stop_at=None):
    network = _Line()

    def loss(step):
        if step == stop_at:
            raise KeyboardInterrupt
        return (network.slope - torch.randn(3, generator=step_generator(1, step))).square().sum()

    loop.descend(
        network,
        loss,
        name="line",
        steps=steps,
        learning_rate=0.05,
        checkpoints=Checkpoints(folder),
        settings={"seed": 1},
    )
    return network.slope.detach()


def test_a_killed_training_ends_like_an_undisturbed_one(tmp_path, monkeypatch):
    whole = _descend(tmp_path / "whole", 40)
    monkeypatch.setattr(loop, "_SAVED_EVERY_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        _descend(tmp_path / "killed", 40, stop_at=23)
    assert list((tmp_path / "killed").iterdir())
    assert torch.equal(_descend(tmp_path / "killed", 40), whole)
    # Other settings do not go on from that file.
    assert not torch.equal(_descend(tmp_path / "killed", 41), whole)


@pytest.fixture
def squares():
    """Portraits of a kind: a square of hair on a face, and landmarks that move with it."""
    rng = np.random.default_rng(0)
    count = 24
    images = np.full((count, 128, 128, 3), 200, np.uint8)
    labels = np.full((count, 128, 128), FACE, np.uint8)
    landmarks = np.zeros((count, 68, 2), np.float32)
    for index in range(count):
        top, left = rng.integers(8, 72, 2)
        images[index, top : top + 48, left : left + 48] = 40
        labels[index, top : top + 48, left : left + 48] = HAIR
        landmarks[index] = (left + 24) / 128, (top + 24) / 128
    zeros = np.zeros(count)
    return PortraitDataset(images, labels, landmarks, np.zeros((count, 48)), zeros.astype(np.int64))


class _Threshold(torch.nn.Module):
    """A parser that is right about the squares, or shifted by some columns."""

    def __init__(self, shift=0):
        super().__init__()
        self.shift = shift

    def forward(self, images):
        dark = (images[:, 0] < 0).float().roll(self.shift, -1)
        logits = torch.full((len(images), 20, *images.shape[2:]), -1.0)
        logits[:, HAIR], logits[:, FACE] = dark, 1 - dark
        return logits


def test_parser_figures_count_pixels(squares):
    right = parser_figures(_Threshold(), squares)
    assert right["hair_iou"] == right["face_iou_portrait"] == right["pixel_accuracy"] == 1.0
    shifted = parser_figures(_Threshold(12), squares)
    # Squares of 48 columns moved by 12 share 36 of 60; 24 of 128 columns are wrong over 48 of 128 rows.
    assert shifted["hair_iou"] == pytest.approx(36 / 60)
    assert shifted["hair_iou_portrait"] == pytest.approx(36 / 60)
    assert shifted["pixel_accuracy"] == pytest.approx(1 - 24 * 48 / 128**2)


def test_parser_training_learns_crops_and_whole_portraits(squares, tmp_path, monkeypatch):
    seen = []
    forward = Graphonomy.forward
    monkeypatch.setattr(
        Graphonomy, "forward", lambda self, x: (seen.append(tuple(x.shape[2:])), forward(self, x))[1]
    )
    network, figures = parser_training.train_parser(
        squares,
        squares,
        steps=80,
        refining_steps=40,
        seed=0,
        checkpoints=Checkpoints(tmp_path),
        batch=4,
        config={
            **parser_training.PARSER_CONFIG,
            "entry": [16, 16, 16],
            "middle_blocks": 1,
            "exit": [16, 16, 16, 16],
        },
    )
    assert set(seen[:48]) == {(64, 64)}
    assert set(seen[48:]) == {(128, 128)}
    assert figures["hair_iou"] > 0.6
    assert not any(p.requires_grad for p in network.parameters())
    assert not network.training


def test_landmark_training_learns(squares, tmp_path):
    # The squares' points coincide, so that mirroring (which renumbers them) does no harm.
    network, figures = landmark_training.train_landmarks(
        squares,
        squares,
        steps=40,
        seed=0,
        checkpoints=Checkpoints(tmp_path),
        batch=2,
        learning_rate=1e-2,
        config={"stacks": 1, "width": 16, "depth": 2, "stride": 4},
    )
    centre_error = np.linalg.norm(128 * squares.landmarks[:, 0] - 64, axis=1).mean()
    assert figures["mean_error"] < 0.6 * centre_error
    assert not any(p.requires_grad for p in network.parameters())
    assert not network.training
