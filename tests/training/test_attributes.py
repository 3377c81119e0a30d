"""Visible attributes: against what the renderer draws, and under mirroring."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from loho_bench.networks.graphonomy import HAIR
from loho_bench.portraits.synthetic import from_latent, hair, render, sample_parameters
from loho_bench.portraits.synthetic.hair import grow
from loho_bench.training.features.attributes import (
    ATTRIBUTES,
    _wave_slope,
    _waviness,
    mirror_attributes,
    visible_attributes,
)


@pytest.fixture(scope="module")
def attributes(portraits) -> dict[str, np.ndarray]:
    return visible_attributes(portraits)


def test_every_attribute_has_its_numbers(attributes, portraits):
    assert {name: values.shape for name, values in attributes.items()} == {
        name: (len(portraits), count) for name, count in ATTRIBUTES.items()
    }
    for values in attributes.values():
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        assert (values.std(axis=0) > 0).all()


def test_hair_ends_where_the_labels_say(attributes, portraits):
    for length, labels in zip(attributes["hair_length"][:, 0], portraits.labels, strict=True):
        rows = np.nonzero(labels == HAIR)[0]
        assert length * 128 == pytest.approx(np.quantile(rows, 0.98) + 1, abs=1)


def test_the_cut_adds_up_to_the_share_of_hair(attributes, portraits):
    share = (portraits.labels == HAIR).mean((1, 2))
    np.testing.assert_allclose(attributes["hair_cut"].mean(axis=1), share, rtol=1e-5)
    top_left = (portraits.labels[:, :32, :64] == HAIR).mean((1, 2))
    np.testing.assert_allclose(attributes["hair_cut"][:, 0], top_left, rtol=1e-5)


def test_hair_and_skin_have_the_hue_that_is_seen(attributes, portraits):
    """In the picture they are shaded, but which are redder or lighter than others stays."""
    for name, label in (("hair_colour", HAIR), ("skin", 13)):
        seen = np.array(
            [
                image[labels == label].mean(0)
                for image, labels in zip(portraits.images, portraits.labels, strict=True)
            ]
        )
        for channel in range(3):
            assert np.corrcoef(seen[:, channel], attributes[name][:, channel])[0, 1] > 0.9


def test_wave_slope_is_that_of_the_strands_that_are_drawn():
    """The strands are grown with the waves and without: what lies between the two is the waves."""
    drawn, said = [], []
    for seed in range(30):
        portrait = sample_parameters(seed)
        portrait = replace(portrait, hair_shape=replace(portrait.hair_shape, fringe=0.0))
        texture, shape = portrait.hair_texture, portrait.hair_shape
        waved = grow(portrait.identity, shape, texture).guides
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hair, "_wave", lambda shape, texture, guides, length, fringe: guides)
            straight = grow(portrait.identity, shape, texture).guides
        moved = np.linalg.norm(np.diff((waved - straight)[:, :, [0, 2]], axis=1), axis=2)
        walked = np.linalg.norm(np.diff(straight, axis=1), axis=2)
        drawn.append(moved.sum() / walked.sum())
        said.append(_wave_slope(portrait))
    # A circle in x and z: the displacement moves along it by the slope, for each unit of length.
    np.testing.assert_allclose(said, drawn, rtol=0.25, atol=0.002)
    assert np.corrcoef(said, drawn)[0, 1] > 0.98


def test_less_than_a_whole_turn_counts_in_proportion():
    portrait = sample_parameters(0)
    for length, turns in ((0.25, 0.25), (0.5, 0.5), (1.0, 1.0), (2.0, 1.0)):
        shape = replace(portrait.hair_shape, length=length, lift=0.0)
        texture = replace(portrait.hair_texture, wave_amplitude=0.1, wave_frequency=2 * np.pi)
        waved = replace(portrait, hair_shape=shape, hair_texture=texture)
        assert _waviness(waved) == pytest.approx(turns * _wave_slope(waved))


def test_mirrored_attributes_are_those_of_the_mirrored_portrait(portraits, attributes):
    """What is measured from pixels is measured from flipped ones; yaw and light by rendering."""
    names = {"images": portraits.images[:, :, ::-1], "labels": portraits.labels[:, :, ::-1]}
    flipped = visible_attributes(replace(portraits, **names))
    tensors = {name: torch.from_numpy(values) for name, values in attributes.items()}
    mirrored = mirror_attributes(tensors)
    assert list(mirrored) == list(attributes)
    for name in ("hair_cut", "hair_length", "background", "hair_colour", "skin"):
        np.testing.assert_allclose(mirrored[name], flipped[name], rtol=1e-5, atol=1e-6, err_msg=name)
    assert not np.allclose(mirrored["hair_cut"], attributes["hair_cut"], atol=0.01)


def test_yaw_and_light_change_sides():
    """A bald-as-can-be head turned the other way and lit from the other side is the mirrored picture."""
    latent = np.zeros(48)
    latent[22], latent[24], latent[16], latent[18] = -3, -3, 0.8, 1.0
    first = from_latent(latent)
    values = {"yaw": [[first.pose.yaw]], "light": [[first.light.x, first.light.y]], "hair_cut": [[0.0] * 8]}
    mirrored = mirror_attributes({name: torch.tensor(value) for name, value in values.items()})
    latent[16], latent[18] = -0.8, -1.0
    second = from_latent(latent)
    assert mirrored["yaw"].item() == pytest.approx(second.pose.yaw)
    np.testing.assert_allclose(mirrored["light"][0], [second.light.x, second.light.y], rtol=1e-6)
    face = [render(p, 128) for p in (first, second)]
    difference = np.abs(face[0].image[:, ::-1].astype(int) - face[1].image)[face[1].face]
    unmirrored = np.abs(face[0].image.astype(int) - face[1].image)[face[1].face]
    assert difference.mean() < 0.5 * unmirrored.mean()
