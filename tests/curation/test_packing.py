"""Masks as words: which bits they hold, and how they are made smaller."""

from __future__ import annotations

import numpy as np
import pytest

from loho_bench.annotation.masks import pack_bits, resize_mask
from loho_bench.curation.packing import pack_faces
from loho_bench.errors import UserError


def masks_of(count: int, size: int, share: float = 0.5) -> np.ndarray:
    return np.random.default_rng(0).random((count, size, size)) < share


def packed(masks: np.ndarray) -> list[bytes]:
    return [pack_bits(mask) for mask in masks]


def test_every_word_is_a_block_of_8_by_8_pixels():
    masks = masks_of(5, 48)
    words = pack_faces(packed(masks), 48)
    blocks = masks.reshape(5, 6, 8, 6, 8).sum(axis=(2, 4)).reshape(5, 36)
    assert words.dtype == np.uint64
    np.testing.assert_array_equal(np.bitwise_count(words), blocks)


def test_intersections_are_those_of_the_masks():
    masks = masks_of(4, 64)
    words = pack_faces(packed(masks), 64)
    for i in range(4):
        for j in range(4):
            assert np.bitwise_count(words[i] & words[j]).sum() == (masks[i] & masks[j]).sum()


@pytest.mark.parametrize(("size", "reduced"), [(64, 32), (96, 32), (128, 32), (64, 64)])
def test_a_pixel_is_set_when_half_of_those_it_replaces_are(size, reduced):
    masks, factor = masks_of(3, size), size // reduced
    expected = np.zeros((3, reduced, reduced), bool)
    for place in np.ndindex(expected.shape):
        mask, y, x = place
        block = masks[mask, y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
        expected[place] = 2 * block.sum() >= block.size
    assert (expected != masks[:, ::factor, ::factor]).any() or factor == 1
    np.testing.assert_array_equal(
        pack_faces(packed(masks), size, reduced), pack_faces(packed(expected), reduced)
    )


def test_the_rule_is_that_of_annotation_also_for_more_masks_than_are_reduced_at_once():
    masks = masks_of(150, 64, share=0.4)
    expected = np.stack([resize_mask(mask, 32) for mask in masks])
    np.testing.assert_array_equal(pack_faces(packed(masks), 64, 32), pack_faces(packed(expected), 32))


def test_a_size_that_does_not_divide_that_of_the_masks():
    with pytest.raises(UserError, match=r"tuples\.mask_size") as caught:
        pack_faces(packed(masks_of(1, 64)), 64, 48)
    assert "48 does not divide 64" in caught.value.cause
    with pytest.raises(UserError):
        pack_faces(packed(masks_of(1, 64)), 64, 128)
