"""Training of the parser and of the landmark network: its pieces, and that a killed one goes on exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from loho_bench.networks.graphonomy import FACE, HAIR, upsample_aligned
from loho_bench.networks.hourglass import decode
from loho_bench.training import landmarks as landmark_training
from loho_bench.training import loop
from loho_bench.training.augmentation import (
    MIRRORED_LANDMARKS,
    augment,
    mirror_labels,
    mirror_landmarks,
    soften,
    step_generator,
    stipple,
)
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import PortraitDataset
from loho_bench.training.landmarks import peaks
from loho_bench.training.parser import aligned_weights, parser_figures, sampled_cross_entropy

# The left-right pairs of iBUG-68 as the annotation's own figure shows them, a few of every part.
PAIRS = [(0, 16), (7, 9), (17, 26), (21, 22), (31, 35), (32, 34), (36, 45), (37, 44), (38, 43), (39, 42)]
PAIRS += [(40, 47), (41, 46), (48, 54), (49, 53), (50, 52), (55, 59), (56, 58), (60, 64), (61, 63), (65, 67)]
MIDDLE = [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


def test_mirrored_numbering():
    assert sorted(MIRRORED_LANDMARKS) == list(range(68))
    for left, right in PAIRS:
        assert MIRRORED_LANDMARKS[left] == right
        assert MIRRORED_LANDMARKS[right] == left
    assert [k for k in range(68) if MIRRORED_LANDMARKS[k] == k] == MIDDLE
    points = torch.rand(3, 68, 2)
    torch.testing.assert_close(mirror_landmarks(mirror_landmarks(points)), points)
    torch.testing.assert_close(mirror_landmarks(points)[:, 36, 0], 1 - points[:, 45, 0])


def test_mirrored_labels_exchange_sides():
    labels = torch.tensor([[HAIR, 14, 18], [FACE, 0, 17]])
    assert mirror_labels(labels).tolist() == [[19, 15, HAIR], [16, 0, FACE]]


def test_changes_stay_in_range_and_repeat():
    images, hair = torch.rand(8, 3, 64, 64) * 2 - 1, (torch.rand(8, 1, 64, 64) < 0.3).float()
    first = augment(images, hair, step_generator(5, 3))
    assert torch.equal(first, augment(images, hair, step_generator(5, 3)))
    assert not torch.equal(first, augment(images, hair, step_generator(5, 4)))
    assert first.abs().max() <= 1
    assert (first - images).abs().mean() > 0.01


def test_stipple_speckles_the_hair_most():
    images, hair = torch.zeros(32, 3, 64, 64), torch.zeros(32, 1, 64, 64)
    hair[..., :32, :] = 1
    changed = stipple(images, hair, step_generator(0, 0))
    touched = changed.flatten(1).abs().sum(1) > 0
    assert 0 < touched.sum() < 32
    inside, outside = changed[touched][..., :32, :].std(), changed[touched][..., 32:, :].std()
    assert inside > 5 * outside


def test_softening_lowers_detail_and_keeps_brightness():
    images, hair = torch.randn(32, 3, 64, 64) * 0.3, torch.ones(32, 1, 64, 64)
    for step in range(4):
        changed = soften(images, hair, step_generator(0, step))
        touched = (changed != images).flatten(1).any(1)
        assert changed[touched].std() < 0.9 * images.std()
        torch.testing.assert_close(changed.mean(), images.mean(), rtol=0, atol=5e-3)
        assert torch.equal(changed[~touched], images[~touched])


def test_aligned_weights_resize_like_the_network_does():
    x = torch.randn(2, 3, 8, 11)
    found = aligned_weights(8, 16) @ x @ aligned_weights(11, 20).T
    torch.testing.assert_close(found, upsample_aligned(x, (16, 20)), rtol=1e-4, atol=1e-5)


def test_sampled_cross_entropy_is_right_on_average():
    torch.manual_seed(0)
    coarse, labels = torch.randn(2, 20, 8, 8), torch.randint(0, 20, (2, 16, 16))
    wanted = F.cross_entropy(upsample_aligned(coarse, (16, 16)), labels)
    found = [sampled_cross_entropy(coarse, labels, step_generator(0, step)) for step in range(400)]
    assert torch.stack(found).mean().item() == pytest.approx(wanted.item(), rel=0.01)


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
