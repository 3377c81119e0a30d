"""Samples beside renders: the classifier's two extremes, the distances' known values, pieces of hair."""

from __future__ import annotations

import numpy as np
import pytest
from small_networks import small_networks

from loho_bench.evaluation.classifier import classifier_accuracy
from loho_bench.evaluation.coverage import compare_attributes, read_attributes
from loho_bench.evaluation.samples import PATCH, draw_samples, hair_patches
from loho_bench.networks.graphonomy import HAIR
from loho_bench.portraits.synthetic import from_latent


def gradients(count: int, seed: int) -> np.ndarray:
    """Bright blobs on dark ground: uint8 [count, 32, 32, 3]."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    centres = draw.uniform(8, 24, (count, 2, 1, 1))
    blobs = np.exp(-((y - centres[:, 0]) ** 2 + (x - centres[:, 1]) ** 2) / 60)
    return (blobs[..., None] * draw.uniform(100, 180, (count, 1, 1, 3)) + 20).astype(np.uint8)


def test_two_draws_of_one_distribution_cannot_be_told_apart():
    accuracy = classifier_accuracy(gradients(300, 0), gradients(300, 1), steps=60, seed=0)
    # 300 judgements of a fair coin lie within 0.5 ± 0.1 with a chance of 99.9 %.
    assert accuracy == pytest.approx(0.5, abs=0.1)


def test_negatives_are_always_told():
    accuracy = classifier_accuracy(gradients(100, 0), 255 - gradients(80, 1), steps=60, seed=0)
    assert accuracy >= 0.95


def test_classifier_repeats_itself_and_needs_two_images():
    sets = gradients(40, 0), gradients(40, 1) // 2
    first, again = (classifier_accuracy(*sets, steps=5, seed=3) for _ in range(2))
    assert first == again
    assert classifier_accuracy(sets[0], sets[1][:1], steps=5, seed=3) is None


def test_distance_is_nought_for_the_same_and_one_for_a_shift_by_a_deviation():
    values = np.random.default_rng(0).normal(4, 2, 500)
    same = compare_attributes({"a": values}, {"a": values[::-1]})
    assert same["sample_coverage"] == {"a": 0}
    assert same["sample_spread"]["a"] == pytest.approx(1)
    moved = compare_attributes({"a": values + values.std()}, {"a": values})
    assert moved["sample_coverage"]["a"] == pytest.approx(1)
    # Squeezed to its mean, a set is as far off as the mean absolute deviation says.
    narrow = compare_attributes({"a": np.full(9, values.mean())}, {"a": values})
    wanted = np.abs(values - values.mean()).mean() / values.std()
    assert narrow["sample_coverage"]["a"] == pytest.approx(wanted)
    assert narrow["sample_spread"]["a"] == pytest.approx(0, abs=1e-12)


def test_what_cannot_be_seen_is_left_out():
    unseen, seen = np.array([np.nan, 1.0, 3.0]), np.array([1.0, 3.0])
    assert compare_attributes({"a": unseen}, {"a": seen})["sample_coverage"] == {"a": 0}
    assert compare_attributes({"a": unseen[:1]}, {"a": seen})["sample_coverage"] == {"a": None}


def test_attributes_follow_the_parameters_that_portraits_were_drawn_from(portraits, oracle):
    read, labels = read_attributes(np.asarray(portraits.images), oracle, oracle)
    assert np.array_equal(labels, portraits.labels)
    drawn = [from_latent(z) for z in portraits.latents]
    hairy = ~np.isnan(read["hair_lightness"])
    loose = hairy & np.array([p.hair_shape.lift == 0 for p in drawn])
    undyed = hairy & np.array([p.hair_colour.dye == 0 for p in drawn])

    def follows(name, wanted, which=slice(None)):
        return np.corrcoef(read[name][which], np.array(wanted)[which])[0, 1]

    assert follows("yaw", [p.pose.yaw for p in drawn]) > 0.9
    assert abs(follows("pitch", [p.pose.pitch for p in drawn])) > 0.6
    assert follows("hair_lightness", [p.hair_colour.lightness for p in drawn], undyed) > 0.8
    assert follows("hair_length", [p.hair_shape.length for p in drawn], loose) > 0.7
    assert abs(follows("skin_lightness", [p.identity.skin_tone for p in drawn])) > 0.8


def test_pieces_of_hair_show_hair(portraits):
    painted = np.where((portraits.labels == HAIR)[..., None], 255, 0).repeat(3, axis=-1).astype(np.uint8)
    pieces = list(hair_patches(painted, portraits.labels, np.random.default_rng(0)))
    assert 5 < len(pieces) < len(portraits)
    assert all(piece.shape == (PATCH, PATCH, 3) for piece in pieces)
    assert all((piece == 255).mean() >= 0.95 for piece in pieces)


def test_samples_come_from_their_seed():
    generator, _ = small_networks()
    first, again, other = (draw_samples(generator, 18, seed) for seed in (1, 1, 2))
    assert first.shape == (18, 32, 32, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({image.tobytes() for image in first}) == 18
