"""Training of the parser and of the landmark network: its pieces, and that a killed one goes on exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional as F

from loho_bench.networks.graphonomy import FACE, HAIR, Graphonomy
from loho_bench.networks.hourglass import decode
from loho_bench.training import landmarks as landmark_training
from loho_bench.training import loop
from loho_bench.training import parser as parser_training
from loho_bench.training.augmentation import (
    MIRRORED_LANDMARKS,
    augment,
    litter,
    mirror_labels,
    mirror_landmarks,
    recolour,
    soften,
    step_generator,
    stipple,
)
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import PortraitDataset
from loho_bench.training.landmarks import peaks
from loho_bench.training.parser import border_cross_entropy, borders, crop, parser_figures

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
    # All hair, so that no border is softened alone.
    images, hair = torch.randn(32, 3, 64, 64) * 0.3, torch.ones(32, 1, 64, 64)
    for step in range(4):
        changed = soften(images, hair, step_generator(0, step))
        touched = (changed != images).flatten(1).any(1)
        assert changed[touched].std() < 0.9 * images.std()
        torch.testing.assert_close(changed.mean(), images.mean(), rtol=0, atol=5e-3)
        assert torch.equal(changed[~touched], images[~touched])


def test_some_portraits_are_softened_along_the_hair_s_border_alone():
    images, hair = torch.randn(64, 3, 64, 64) * 0.3, torch.zeros(64, 1, 64, 64)
    hair[..., :32, :] = 1
    change = (soften(images, hair, step_generator(0, 0)) - images).abs()
    border, inner = change[:, :, 31:33].mean((1, 2, 3)), change[:, :, :16].mean((1, 2, 3))
    outer = change[:, :, 48:].mean((1, 2, 3))
    touched = border > 0.05
    along_border = touched & (inner < 0.01) & (outer < 0.01)
    in_hair = touched & (inner > 0.05) & (outer < 0.01)
    everywhere = touched & (inner > 0.05) & (outer > 0.05)
    assert min(along_border.sum(), in_hair.sum(), everywhere.sum()) >= 2
    assert (along_border | in_hair | everywhere)[touched].all()


def test_recolouring_changes_the_hair_s_colour_and_keeps_its_texture():
    torch.manual_seed(0)
    hair = torch.zeros(32, 1, 64, 64)
    hair[:, :, :32] = 1
    hair[0] = 0  # a bald portrait has no colour to give and nothing to change but blotches
    texture = 0.05 * torch.randn(32, 3, 64, 64)
    images = hair * (torch.rand(32, 3, 1, 1) - 0.5) + texture
    changed = recolour(images, hair, step_generator(0, 0))
    assert changed.isfinite().all()
    touched = (changed != images).flatten(1).any(1)
    assert 5 < touched.sum() < 27
    assert torch.equal(changed[~touched], images[~touched])
    before, after = images[touched], changed[touched]

    def colour(x, rows):
        return x[:, :, rows].mean((2, 3))

    moved = (colour(after, slice(0, 24)) - colour(before, slice(0, 24))).abs().mean()
    assert moved > 0.1
    assert (colour(after, slice(40, 64)) - colour(before, slice(40, 64))).abs().mean() < 0.1 * moved
    detail, wanted = (
        (x - F.avg_pool2d(x, 9, 1, 4, count_include_pad=False))[..., 8:24, 8:56].flatten(1)
        for x in (after, before)
    )
    assert torch.cosine_similarity(detail, wanted).min() > 0.8


def test_litter_is_small_and_comes_from_other_portraits():
    images = torch.linspace(-1, 1, 64)[:, None, None, None].expand(64, 3, 64, 64).contiguous()
    changed = litter(images, step_generator(0, 0))
    covered = ((changed - images).abs() > 1e-3).any(1).float()
    touched = covered.mean((1, 2)) > 0
    assert 3 < touched.sum() < 20
    assert covered[touched].mean() < 0.2
    # No crumb is wide: none survives an erosion by 11 x 11.
    assert -F.max_pool2d(-covered[:, None], 11, 1).max() == 0
    assert changed.abs().max() <= 1


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
