"""The finest strands: along the hair, of unit spread, told by the noise maps alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from loho_bench.portraits.synthetic import noise_maps, render, sample_parameters
from loho_bench.portraits.synthetic.drawing import fixed
from loho_bench.portraits.synthetic.strands import Pieces
from loho_bench.portraits.synthetic.streaks import strand_directions, streaks

SIZE = 128


def straight_pieces(angle: float, count: int = 400) -> Pieces:
    """Straight strands all over a frame of 256 px, half of them drawn backwards."""
    random = np.random.default_rng(0)
    middle = random.uniform(20, 236, (count, 1, 2))
    sign = np.where(random.random(count) < 0.5, 1.0, -1.0)[:, None, None]
    along = np.linspace(-6, 6, 4)[None, :, None] * np.array([np.cos(angle), np.sin(angle)])
    flat = np.zeros(count)
    return Pieces(fixed(middle + sign * along), flat, flat, flat, flat.astype(int), flat == 0)


@pytest.mark.parametrize("angle", [0.0, 0.6, np.pi / 2, 2.5])
def test_directions_are_those_of_the_strands_whichever_way_they_were_drawn(angle):
    field = strand_directions(straight_pieces(angle), SIZE, 256)
    assert np.allclose(np.linalg.norm(field, axis=2), 1, atol=1e-5)
    along = np.abs(field @ np.array([np.cos(angle), np.sin(angle)]))
    assert along[16:-16, 16:-16].min() > 0.99


def correlation(picture: np.ndarray, rows: int, columns: int) -> float:
    moved = np.roll(picture, (rows, columns), axis=(0, 1))
    return float(np.corrcoef(picture[16:-16, 16:-16].ravel(), moved[16:-16, 16:-16].ravel())[0, 1])


def test_streaks_are_long_along_the_hair_and_thin_across_it():
    maps = {r: np.random.default_rng(r).standard_normal((r, r), np.float32) for r in (32, 64, 128)}
    upright = np.zeros((SIZE, SIZE, 2), np.float32)
    upright[..., 1] = 1
    picture = streaks(upright, maps)
    assert correlation(picture, 4, 0) > 0.35 > 0.2 > correlation(picture, 0, 4)
    level = streaks(upright[..., ::-1], maps)
    assert correlation(level, 0, 4) > 0.35 > 0.2 > correlation(level, 4, 0)
    assert picture.mean() == pytest.approx(0, abs=0.15)
    assert 0.75 < picture.std() < 1.15
    assert np.allclose(picture, streaks(-upright, maps), atol=1e-4)


def test_the_texture_seed_moves_single_hairs_and_leaves_cut_and_colour():
    parameters = sample_parameters(23)
    one, other = (render(replace(parameters, texture_seed=seed)) for seed in (1, 2))
    assert np.array_equal(one.labels, other.labels)
    difference = np.abs(one.image.astype(float) - other.image).mean(axis=2)
    assert difference[one.hair].mean() > 5 * difference[~one.hair].mean()
    means = [portrait.image[portrait.hair].mean(axis=0) for portrait in (one, other)]
    assert np.abs(means[0] - means[1]).max() < 3


def test_every_map_has_its_say():
    parameters = sample_parameters(23)
    maps = noise_maps(parameters)
    upright = np.zeros((SIZE, SIZE, 2), np.float32)
    upright[..., 1] = 1
    whole = streaks(upright, maps)
    for resolution in maps:
        silenced = {r: m * (r != resolution) for r, m in maps.items()}
        assert (whole - streaks(upright, silenced)).std() > 0.3
