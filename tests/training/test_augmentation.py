"""Changes to training portraits: mirroring, colour, softness, stipple, litter."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from loho_bench.networks.graphonomy import FACE, HAIR
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
