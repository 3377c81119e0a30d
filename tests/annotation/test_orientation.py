"""Orientation of hair, against numbers of MichiGAN's own script, drawn stripes and the renderer's strands."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from loho_bench.annotation.orientation import (
    FILTERS,
    filter_bank,
    orientation_angles,
    orientation_map,
    orientation_rgb,
    portrait_orientation,
    strongest_filter,
)
from loho_bench.portraits.synthetic import render, renderer, sample_parameters


@pytest.fixture(scope="module")
def script(golden) -> dict[str, np.ndarray]:
    with np.load(golden / "michigan" / "orientation.npz") as numbers:
        return dict(numbers)


def apart(first: np.ndarray, second: np.ndarray, turn: float) -> np.ndarray:
    """Distance of orientations that repeat after ``turn``."""
    gap = np.abs(first.astype(np.float64) - second) % turn
    return np.minimum(gap, turn - gap)


def stripes(angle: float, size: int = 96) -> np.ndarray:
    """Stripes, 6 pixels apart, that rise by ``angle`` from the horizontal."""
    rows, columns = np.mgrid[:size, :size]
    across = rows * np.cos(angle) + columns * np.sin(angle)
    grey = (127 + 100 * np.cos(2 * np.pi * across / 6)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def test_every_intermediate_of_the_script(script):
    image, hair = script["crop.image_u8"], script["crop.mask_u8"] > 0
    assert np.abs(filter_bank() - script["crop.filter_bank"]).max() < 1e-6
    number, confidence = strongest_filter(script["crop.gray"])
    # Two filters may answer alike to the last bit.
    assert (number != script["crop.argmax_bin"]).sum() <= 4
    assert np.allclose(confidence, script["crop.confidence"], atol=2e-3)
    angles = orientation_angles(image, hair)
    assert apart(angles, script["crop.theta_radians"], np.pi)[hair].max() < 0.01
    x, y = np.cos(2 * angles), np.sin(2 * angles)
    length = np.hypot(script["crop.flow_x_blurred"], script["crop.flow_y_blurred"]) + 1e-9
    assert np.abs(x - script["crop.flow_x_blurred"] / length)[hair].max() < 0.02
    assert np.abs(y - script["crop.flow_y_blurred"] / length)[hair].max() < 0.02


@pytest.mark.parametrize("name", ["crop", "67172", "59144"])
def test_maps_are_the_scripts(script, name):
    hair = script[f"{name}.mask_u8"] > 0
    found, wanted = orientation_map(script[f"{name}.image_u8"], hair), script[f"{name}.orientation_u8"]
    assert found.dtype == np.uint8
    assert apart(found, wanted, 255).max() <= 1
    assert (found != wanted).mean() < 0.003  # rounding down: a bit in the angle flips a level
    assert not found[~hair].any()


def test_colours_are_the_scripts(script):
    found = orientation_rgb(script["orient_rgb.input_orient_u8"], script["orient_rgb.label_u8"] > 0)
    assert np.array_equal(found, script["orient_rgb.output_u8"])


def test_responses_are_correlations_over_a_black_outside():
    grey = np.random.default_rng(0).uniform(0, 255, (40, 30)).astype(np.float32)
    answers = np.stack([ndimage.correlate(grey, kernel, mode="constant") for kernel in filter_bank()])
    number, confidence = strongest_filter(grey)
    assert np.allclose(confidence, answers.max(axis=0).clip(0), atol=1e-2)
    assert (number == answers.argmax(axis=0))[answers.max(axis=0) > 0].mean() > 0.999


@pytest.mark.parametrize("degrees", [0, 20, 45, 90, 100, 135, 170])
def test_stripes_have_their_own_angle(degrees):
    hair = np.zeros((96, 96), bool)
    hair[16:80, 16:80] = True
    found = np.rad2deg(orientation_angles(stripes(np.deg2rad(degrees)), hair))[24:72, 24:72]
    # The script spreads 32 filters over 31 steps: half a turn is overshot by 6 degrees.
    stretched = degrees * FILTERS / (FILTERS - 1)
    assert apart(found, stretched, 180).max() < 4


def test_what_lies_outside_the_hair_has_no_say():
    hair = np.zeros((96, 96), bool)
    hair[:, :48] = True
    image = stripes(0.3)
    image[:, 60:] = stripes(1.8)[:, 60:]
    other = image.copy()
    other[:, 60:] = 0
    # Filters reach 8 pixels, so the hair sees nothing from column 56 on.
    assert np.array_equal(orientation_map(image, hair), orientation_map(other, hair))


def test_no_hair_gives_an_empty_map():
    hair = np.zeros((64, 64), bool)
    for find in (orientation_map, portrait_orientation):
        assert not find(stripes(0.5, 64), hair).any()


def test_at_the_published_size_a_portrait_is_the_script():
    image, hair = stripes(1.0, 512), np.ones((512, 512), bool)
    assert np.array_equal(portrait_orientation(image, hair), orientation_map(image, hair))


@pytest.mark.parametrize("size", [64, 100, 1024])
def test_portraits_of_any_size(size):
    angle = np.deg2rad(60)
    # Stripes as wide as strands are, in pixels of the frame that the filters see.
    image = stripes(angle, size) if size < 256 else np.kron(stripes(angle, 512), np.ones((2, 2, 1), np.uint8))
    hair = np.ones((size, size), bool)
    found = portrait_orientation(image, hair)
    assert found.shape == (size, size)
    middle = slice(size // 4, -size // 4)
    assert apart(found[middle, middle], 255 * 60 / 180 * 32 / 31, 255).max() < 10


def test_small_portraits_show_the_renderers_strands(monkeypatch):
    drawn = []
    directions = renderer.strand_directions
    monkeypatch.setattr(
        renderer, "strand_directions", lambda *given: drawn.append(directions(*given)) or drawn[-1]
    )
    portraits = [render(sample_parameters(seed), 128) for seed in range(5)]
    errors = {find: [] for find in (portrait_orientation, orientation_map)}
    for portrait, field in zip(portraits, drawn, strict=True):
        true = np.arctan2(-field[..., 1], field[..., 0])
        for find, found in errors.items():
            angle = find(portrait.image, portrait.hair) * np.pi / 255
            found.append(apart(angle, true, np.pi)[portrait.hair].mean())
    adapted, published = (np.rad2deg(np.nanmean(found)) for found in errors.values())
    assert adapted < 16 < 22 < published
