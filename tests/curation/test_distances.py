"""Face IoU and pose distance against the golden numbers, SciPy and plain loops."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial.distance import cdist

from loho_bench.annotation.masks import pack_bits
from loho_bench.curation.distances import face_iou, pose_distance


def words(masks: np.ndarray) -> np.ndarray:
    return np.stack([np.frombuffer(pack_bits(mask), dtype=np.uint64) for mask in masks])


def test_face_iou_of_real_masks(golden):
    stored = np.load(golden / "masks_256.npz")
    faces = words(np.unpackbits(stored["face_values"], axis=-1).astype(bool))
    np.testing.assert_allclose(face_iou(faces, faces), stored["face_iou"], rtol=0, atol=1e-12)


def test_face_iou_is_the_complement_of_the_jaccard_distance():
    masks = np.random.default_rng(0).random((12, 32, 32)) < 0.3
    flat = masks.reshape(12, -1)
    found = face_iou(words(masks[:5]), words(masks[5:]))
    np.testing.assert_allclose(found, 1 - cdist(flat[:5], flat[5:], "jaccard"), rtol=0, atol=1e-12)


def test_two_empty_faces_have_nothing_in_common():
    masks = np.zeros((2, 32, 32), bool)
    masks[1, 3, 4] = True
    np.testing.assert_array_equal(face_iou(words(masks), words(masks)), [[0, 0], [0, 1]])


@settings(max_examples=30, deadline=None)
@given(arrays.arrays(bool, (4, 8, 16)))
def test_face_iou_is_symmetric_and_1_on_the_diagonal(masks):
    faces = words(masks)
    found = face_iou(faces, faces)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), masks.any(axis=(1, 2)))
    assert ((found >= 0) & (found <= 1)).all()


def test_pose_distance_is_the_mean_of_the_distances_of_points():
    points = np.random.default_rng(1).uniform(0, 1, (7, 68, 2))
    found = pose_distance(points[:3], points[3:], frame=128)
    for i in range(3):
        for j in range(4):
            expected = np.mean(
                [np.hypot(*(128 * (p - q))) for p, q in zip(points[i], points[3 + j], strict=True)]
            )
            assert abs(found[i, j] - expected) < 1e-10


def test_pose_distance_of_a_shift_is_exact():
    points = np.random.default_rng(2).integers(0, 64, (1, 68, 2)) / 64
    # A shift by one pixel of 64 is exactly two of 128: the border of a range of Table 1.
    assert pose_distance(points, points + np.array([1 / 64, 0]), 128)[0, 0] == 2.0
    assert pose_distance(points, points + np.array([3 / 64, 4 / 64]), 64)[0, 0] == 5.0


@settings(max_examples=20, deadline=None)
@given(arrays.arrays(np.float64, (5, 68, 2), elements=st.floats(-0.5, 1.5)), st.integers(1, 5))
def test_a_pair_has_one_distance_to_the_last_bit_in_every_tile(points, tile):
    whole = pose_distance(points, points, 128)
    np.testing.assert_array_equal(whole, whole.T)
    for start in range(0, 5, tile):
        np.testing.assert_array_equal(
            whole[:, start : start + tile], pose_distance(points, points[start : start + tile], 128)
        )
