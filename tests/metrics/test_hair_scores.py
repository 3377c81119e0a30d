"""Mask IoU, hair colour and latent distance on cases whose answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jaccard

from loho_bench.metrics.hair_colour import hair_colour_difference, mean_colour
from loho_bench.metrics.latent_distance import latent_distance
from loho_bench.metrics.mask_iou import mask_iou

masks = arrays(bool, (5, 7))


@given(first=masks, second=masks)
def test_iou_is_one_minus_the_jaccard_distance(first, second):
    assert mask_iou(first, second) == pytest.approx(1 - jaccard(first.ravel(), second.ravel()))
    assert mask_iou(first, second) == mask_iou(second, first)
    assert mask_iou(first, first) == 1


def test_iou_of_the_reference_masks(golden):
    stored = np.load(golden / "masks_256.npz")
    hair = np.unpackbits(stored["hair_values"], axis=-1).astype(bool)
    ours = [[mask_iou(a, b) for b in hair[:4]] for a in hair[:4]]
    np.testing.assert_allclose(ours, stored["hair_iou"][:4, :4], atol=1e-12)


def test_iou_of_empty_masks():
    empty, full = np.zeros((4, 4), bool), np.ones((4, 4), bool)
    assert mask_iou(empty, empty) == 1
    assert mask_iou(empty, full) == 0


def test_soft_and_misshapen_masks_are_refused():
    mask = np.ones((4, 4), bool)
    with pytest.raises(ValueError, match="boolean"):
        mask_iou(mask, mask.astype(np.float32))
    with pytest.raises(ValueError, match="different shapes"):
        mask_iou(mask, mask[:2])


def test_colour_is_that_of_the_hair_only():
    first, second = np.zeros((4, 4, 3), np.uint8), np.full((6, 6, 3), 255, np.uint8)
    first_hair, second_hair = np.zeros((4, 4), bool), np.zeros((6, 6), bool)
    first_hair[:2], second_hair[3:] = True, True
    first[:2], second[3:] = (100, 50, 20), (110, 20, 20)
    assert hair_colour_difference(first, first_hair, second, second_hair) == pytest.approx(40 / 3 / 255)
    first[0] = (0, 0, 0)
    np.testing.assert_allclose(mean_colour(first, first_hair), [50, 25, 10])


@given(level=st.integers(0, 255))
def test_colour_difference_spans_zero_to_one(level):
    hair = np.ones((3, 3), bool)
    black, grey = np.zeros((3, 3, 3), np.uint8), np.full((3, 3, 3), level, np.uint8)
    assert hair_colour_difference(black, hair, grey, hair) == pytest.approx(level / 255)
    assert hair_colour_difference(grey, hair, grey, hair) == 0


def test_no_hair_has_no_colour():
    image, hair = np.zeros((3, 3, 3), np.uint8), np.ones((3, 3), bool)
    assert np.isnan(hair_colour_difference(image, hair, image, ~hair))
    with pytest.raises(ValueError, match="boolean mask"):
        hair_colour_difference(image, hair, image, hair[:2])


def test_latent_distance_is_the_norm_of_the_whole_code():
    mean = torch.randn(8)
    latents = mean.expand(2, 4, 8).clone()
    latents[0, 1, 3] += 3
    latents[0, 2, 5] -= 4
    torch.testing.assert_close(latent_distance(latents, mean), torch.tensor([5.0, 0.0], dtype=torch.float64))
    offset = torch.randn(1, 1, 8)
    far = latent_distance(mean + offset.expand(1, 9, 8), mean).item()
    assert far == pytest.approx(3 * offset.norm().item(), rel=1e-5)  # grows with the root of the depth


def test_latents_of_another_generator_are_refused():
    with pytest.raises(ValueError, match="expected"):
        latent_distance(torch.zeros(1, 4, 8), torch.zeros(7))
    with pytest.raises(ValueError, match="expected"):
        latent_distance(torch.zeros(4, 8), torch.zeros(8))
