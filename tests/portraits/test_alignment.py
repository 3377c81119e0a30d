"""The recipe of FFHQ's alignment: its square by hand, its symmetries, its padding, and real portraits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from refusals import refusal

from loho_bench.errors import UserError
from loho_bench.portraits.alignment import align_portrait, crop_quad


def face(left_eye, right_eye, mouth_left, mouth_right):
    """68 landmarks of which only those that the recipe reads lie anywhere in particular."""
    points = np.zeros((68, 2))
    # Six points around an eye: their mean counts, not any one of them.
    ring = 5.0 * np.array([[-1, 0], [-0.5, -1], [0.5, -1], [1, 0], [0.5, 1], [-0.5, 1]])
    points[36:42] = left_eye + ring
    points[42:48] = right_eye + ring
    points[48], points[54] = mouth_left, mouth_right
    return points


def upright(x, y, scale=1.0):
    """A face with eyes 100 scales apart, their middle at x, y, and a mouth 120 scales below."""
    middle = np.array([x, y])
    places = np.array([[-50, 0], [50, 0], [-30, 120], [30, 120]])
    return face(*(middle + scale * places))


def scene(height, width):
    """A smooth colourful picture: resampling it twice changes little."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 37 + 1) * np.cos(y / 53), np.cos((x + y) / 61), np.sin((x - 2 * y) / 71)]
    return np.rint(127.5 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)


def test_the_square_of_an_upright_face_by_hand():
    # Half a side is max(2 * 100, 1.8 * 120) = 216; the centre lies 12 below the eyes.
    expected = [
        [300 - 216, 212 - 216],
        [300 - 216, 212 + 216],
        [300 + 216, 212 + 216],
        [300 + 216, 212 - 216],
    ]
    np.testing.assert_allclose(crop_quad(upright(300, 200)), expected)


def test_a_wide_face_is_measured_by_its_eyes():
    points = face([0, 0], [100, 0], [30, 60], [70, 60])
    # 2 * 100 exceeds 1.8 * 60.
    assert np.hypot(*(crop_quad(points)[3] - crop_quad(points)[0])) == pytest.approx(400)


def test_eyes_and_mouth_share_in_the_direction():
    # The mouth hangs askew: m = (30, 120), turned to the right by a right angle (120, -30); e = (100, 0).
    points = face([250, 200], [350, 200], [300, 320], [360, 320])
    quad = crop_quad(points)
    across = quad[3] - quad[0]
    assert across[1] / across[0] == pytest.approx(-30 / 220)
    assert np.hypot(*across) == pytest.approx(2 * 1.8 * np.hypot(30, 120))
    np.testing.assert_allclose(quad.mean(axis=0), [303, 212])


def test_the_square_turns_moves_and_grows_with_the_face():
    angle = np.deg2rad(37)
    turn = 1.7 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = face([250, 200], [350, 210], [280, 320], [360, 320])
    np.testing.assert_allclose(crop_quad(points @ turn.T + [5, -9]), crop_quad(points) @ turn.T + [5, -9])


def test_the_eyes_come_to_lie_where_the_recipe_puts_them():
    photograph = np.zeros((700, 800, 3), dtype=np.uint8)
    points = upright(400, 300)
    for eye in (350, 450):
        photograph[297:304, eye - 3 : eye + 4] = 255
    aligned = align_portrait(photograph, points, 256, 1024)[..., 0].astype(float)
    columns, rows = np.arange(256) + 0.5, np.arange(256) + 0.5
    half = aligned[:, :128]
    # The left eye lies 50 left of and 12 above the centre of a square of 432 pixels.
    assert (half.sum(axis=0) @ columns[:128]) / half.sum() == pytest.approx((0.5 - 50 / 432) * 256, abs=0.15)
    assert (aligned.sum(axis=1) @ rows) / aligned.sum() == pytest.approx((0.5 - 12 / 432) * 256, abs=0.15)


@pytest.mark.parametrize(("angle", "scale"), [(25, 1.0), (-70, 1.6), (180, 0.8)])
def test_a_turned_photograph_gives_the_same_portrait(angle, scale):
    points, photograph = upright(600, 560), scene(1200, 1200)
    radians = np.deg2rad(angle)
    turn = scale * np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    middle = np.array([599.5, 599.5])
    # Pillow asks where each pixel of the result comes from, measured from the pixels' edges.
    back = np.linalg.inv(turn)
    shift = middle + 0.5 - back @ (middle + 0.5)
    matrix = (*back[0], shift[0], *back[1], shift[1])
    turned = Image.fromarray(photograph).transform(
        (1200, 1200), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
    )
    expected = align_portrait(photograph, points, 128, 512)
    found = align_portrait(np.array(turned), (points - middle) @ turn.T + middle, 128, 512)
    assert np.ptp(expected) > 150
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 4
    assert difference.mean() < 0.9


def test_a_far_larger_photograph_is_reduced_without_aliasing():
    # Stripes of five pixels, sampled every 5.06 pixels: without the reduction they would beat slowly.
    photograph = np.zeros((1800, 1800, 3), dtype=np.uint8)
    photograph[:, ::5] = photograph[:, 1::5] = 255
    aligned = align_portrait(photograph, upright(900, 850, 3.0), 64, 256)
    assert np.abs(aligned.astype(int) - 102).max() <= 3


def test_beyond_the_border_lies_a_mirror_image():
    photograph = np.full((900, 700, 3), 60, dtype=np.uint8)
    photograph[:, 45:56] = 250
    # The square of 432 pixels reaches 116 beyond the left border, 69 of 256 in the portrait.
    points = upright(100, 420)
    padded = align_portrait(photograph, points, 256, 1024)
    bare = align_portrait(photograph, points, 256, 1024, pad=False)
    assert (bare[:, :64] == 0).all()
    np.testing.assert_array_equal(padded[:, 150:], bare[:, 150:])
    # The bar 50.5 pixels inside appears once more 50.5 pixels outside.
    across = padded[:, :67].mean(axis=(0, 2)) - 60
    mirrored = np.clip(across, 0, None)
    assert mirrored.max() > 20
    assert (mirrored @ (np.arange(67) + 0.5)) / mirrored.sum() == pytest.approx(
        (116 - 50.5) / 432 * 256, abs=2
    )


def test_the_padding_is_blurred_and_fades_to_the_median_colour():
    random = np.random.default_rng(3)
    photograph = random.integers(0, 256, (900, 700, 3), dtype=np.uint8)
    photograph[450:] //= 4
    padded = align_portrait(photograph, upright(0, 420), 256, 1024).astype(float)
    # 216 of 432 pixels are padding: columns 0 to 127.
    noise = np.abs(np.diff(padded, axis=0)).mean(axis=(0, 2))
    assert noise[20:110].max() < 0.25 * noise[200:].min()
    contrast = np.abs(padded[:100].mean(axis=(0, 2)) - padded[156:].mean(axis=(0, 2)))
    # The bright upper and the dark lower half approach each other towards the edge.
    assert contrast[5] < 0.5 * contrast[120]


# Red channel of portraits of 64 pixels, averaged over blocks of 8: made by ``recreate_aligned_images`` of
# NVIDIA's ffhq-dataset with output_size=64 and transform_size=256, from ``scene`` and the landmarks below.
RECIPE_NEAR_A_CORNER = [
    [111, 126, 119, 107, 144, 198, 164, 58],
    [153, 146, 79, 44, 123, 221, 196, 101],
    [216, 200, 91, 32, 94, 164, 153, 127],
    [217, 202, 130, 100, 127, 117, 69, 91],
    [152, 129, 115, 164, 203, 133, 31, 45],
    [93, 50, 55, 161, 235, 173, 70, 64],
    [86, 28, 30, 120, 188, 159, 123, 145],
    [113, 72, 83, 120, 117, 84, 120, 207],
]
RECIPE_OF_A_LARGE_FACE = [
    [121, 148, 114, 118, 148, 116, 116, 101],
    [136, 97, 146, 139, 96, 143, 138, 155],
    [119, 155, 110, 116, 155, 112, 117, 102],
    [134, 103, 142, 137, 103, 140, 136, 149],
    [121, 146, 115, 119, 146, 117, 120, 110],
    [131, 113, 136, 132, 113, 134, 132, 139],
    [125, 135, 122, 124, 135, 123, 124, 120],
    [127, 126, 128, 128, 126, 128, 128, 128],
]


@pytest.mark.parametrize(
    ("shape", "points", "expected"),
    [
        ((420, 500), face([95, 70], [180, 105], [80, 170], [140, 200]), RECIPE_NEAR_A_CORNER),
        ((1500, 1600), upright(1100, 500, 2.9), RECIPE_OF_A_LARGE_FACE),
    ],
    ids=["turned, padded on two sides", "reduced, padded on two sides"],
)
def test_the_numbers_of_the_recipe(shape, points, expected):
    aligned = align_portrait(scene(*shape), points, 64, 256)[..., 0].astype(float)
    found = aligned.reshape(8, 8, 8, 8).mean(axis=(1, 3))
    np.testing.assert_allclose(found, expected, atol=0.6)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.full((68, 2), np.nan), "68 finite points"),
        (np.zeros((5, 2)), "68 finite points"),
        (np.ones((68, 2)), "no direction"),
        (upright(0.5, 0.4, 0.002), "0.9 pixels wide"),
        (upright(5000, 100), "outside the photograph"),
        (upright(50, 50, 30.0), "outside the photograph"),
    ],
)
def test_landmarks_that_fit_no_face_are_refused(points, words):
    with pytest.raises(UserError) as error:
        align_portrait(scene(100, 100), points, 64, 128)
    assert words in refusal(error)


def test_aligned_portraits_are_aligned_to_themselves(ffhq):
    table = pd.read_csv(ffhq / "landmarks.csv", dtype={"portrait_id": str})
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
    distances = []
    for portrait_id, rows in table.groupby("portrait_id"):
        points = rows.sort_values("point")[["x", "y"]].to_numpy()
        distances.append(np.abs(crop_quad(points) - corners).max())
        image = Image.open(ffhq / "images" / f"{portrait_id}.jpg").convert("RGB").resize((256, 256))
        aligned = align_portrait(np.array(image), points * 256 - 0.5, 256, 512)
        inner = (slice(64, 192), slice(64, 192))
        correlation = np.corrcoef(aligned[inner].ravel(), np.array(image)[inner].ravel())[0, 1]
        assert correlation > 0.8, portrait_id
    assert len(distances) == 8
    # The landmarks are another detector's than FFHQ's: good to a few per cent.
    assert max(distances) < 0.08
