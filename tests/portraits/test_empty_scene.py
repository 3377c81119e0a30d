"""What lies behind a portrait, beside the portrait: equal where nothing hides it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from loho_bench.networks.graphonomy import BACKGROUND, CLOTHES, FACE, SKIN
from loho_bench.portraits.synthetic import PortraitParameters, Rendered, render, sample_parameters
from loho_bench.portraits.synthetic.empty_scene import render_background, render_behind_head

SEEDS = range(5)


def difference(portrait: Rendered, scene: np.ndarray, labels: tuple[int, ...]) -> np.ndarray:
    """Counts between both, where the portrait shows ``labels`` and nothing else near."""
    shown = np.isin(portrait.labels, labels).astype(np.uint8)
    clear = cv2.erode(shown, np.ones((len(shown) // 8 + 1,) * 2), borderType=cv2.BORDER_REPLICATE) > 0
    assert clear.mean() > 0.05
    return np.abs(portrait.image.astype(int) - scene)[clear]


def short_haired(seed: int) -> PortraitParameters:
    parameters = sample_parameters(seed)
    return replace(parameters, hair_shape=replace(parameters.hair_shape, length=0.0))


@pytest.mark.parametrize("size", [128, 256])
def test_the_backdrop_is_that_of_the_portrait(size):
    for seed in SEEDS:
        parameters = short_haired(seed)
        portrait, scene = render(parameters, size), render_background(parameters, size)
        assert scene.shape == (size, size, 3)
        assert difference(portrait, scene, (BACKGROUND,)).max() <= 1


def test_hair_hides_it_and_changes_nothing_else():
    for seed in SEEDS:
        parameters = sample_parameters(seed)
        found = difference(render(parameters), render_background(parameters), (BACKGROUND,))
        # Single hairs stray far.
        assert (found <= 1).mean() > 0.99


def test_neck_and_clothes_stay_and_go_on():
    for seed in SEEDS:
        parameters = sample_parameters(seed)
        portrait, scene = render(parameters), render_behind_head(parameters)
        assert set(np.unique(scene.labels)) <= {BACKGROUND, CLOTHES, SKIN}
        assert ((scene.labels == CLOTHES) | (portrait.labels != CLOTHES)).mean() > 0.999
        assert not np.isin(portrait.labels[scene.labels == CLOTHES], (BACKGROUND, FACE)).any()
        np.testing.assert_array_equal(scene.landmarks, portrait.landmarks)
        backdrop = scene.labels == BACKGROUND
        clear = cv2.erode(backdrop.astype(np.uint8), np.ones((5, 5))) > 0
        # The seam of the clothes is a soft line that no label tells of.
        same = scene.image[clear] == render_background(parameters)[clear]
        assert same.mean() > 0.999
