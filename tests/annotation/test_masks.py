"""Mask storage, sizes and morphology, against SciPy, Pillow, the reference masks and simple truths."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from scipy import ndimage

from loho_bench.annotation.masks import (
    dilate,
    erode,
    iou,
    pack_bits,
    resize_mask,
    scaled_pixels,
    unpack_bits,
)

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


def as_batch(masks: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(masks, dtype=np.float32))[:, None]


@given(MASKS)
def test_bits_survive_a_round_trip(mask):
    assert np.array_equal(unpack_bits(pack_bits(mask), *mask.shape), mask)


def test_first_pixel_is_the_most_significant_bit():
    mask = np.zeros((1, 8), dtype=bool)
    mask[0, 0] = True
    assert pack_bits(mask) == b"\x80"


def test_bits_of_another_size_are_refused():
    with pytest.raises(ValueError, match="16x16"):
        unpack_bits(pack_bits(np.ones((8, 8), dtype=bool)), 16)


def test_masks_are_reduced_by_majority_of_area():
    mask = np.zeros((4, 4), bool)
    mask[0, 0:2] = mask[2, 2] = True
    assert resize_mask(mask, 2).tolist() == [[True, False], [False, False]]
    assert resize_mask(mask, 8).sum() == 4 * mask.sum()
    assert resize_mask(mask, 6).dtype == bool
    assert np.array_equal(resize_mask(mask, 4), mask)


@pytest.mark.parametrize("size", [32, 64, 128, 256, 512])
def test_masks_are_resized_as_pillow_does_it(size):
    mask = ndimage.gaussian_filter(np.random.default_rng(0).random((256, 256)), 2) > 0.5
    box = Image.fromarray(mask.astype(np.float32)).resize((size, size), Image.Resampling.BOX)
    assert np.array_equal(resize_mask(mask, size), np.asarray(box) >= 0.5)


@pytest.mark.parametrize(("pixels", "size", "there"), [(5, 256, 5), (5, 128, 2), (5, 1024, 20), (5, 16, 1)])
def test_margins_grow_with_the_frame(pixels, size, there):
    assert scaled_pixels(pixels, size) == there


@settings(deadline=None)
@given(MASKS, st.integers(1, 4))
def test_morphology_is_that_of_scipy(mask, iterations):
    grown = dilate(as_batch(mask[None]), iterations)[0, 0].bool().numpy()
    shrunk = erode(as_batch(mask[None]), iterations)[0, 0].bool().numpy()
    assert np.array_equal(grown, ndimage.binary_dilation(mask, iterations=iterations))
    assert np.array_equal(shrunk, ndimage.binary_erosion(mask, iterations=iterations))


def test_no_iterations_change_nothing():
    mask = as_batch(np.eye(5)[None])
    assert torch.equal(dilate(mask, 0), mask)
    assert torch.equal(erode(mask, 0), mask)


def test_portrait_masks_are_packed_as_the_reference(golden):
    stored = np.load(golden / "masks_256.npz")["hair_values"]
    for packed in stored:
        mask = unpack_bits(packed.tobytes(), 256)
        assert mask.shape == (256, 256)
        assert pack_bits(mask) == packed.tobytes()


def test_iou_of_known_overlaps():
    a, b = torch.zeros(3, 1, 4, 4), torch.zeros(3, 1, 4, 4)
    a[0, :, :2], b[0, :, 1:3] = 1, 1  # 4 of 12 pixels
    a[1, :, :2] = 1  # disjoint from nothing
    assert iou(a, b).tolist() == pytest.approx([1 / 3, 0, 1])
