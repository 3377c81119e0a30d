"""Linear probes: agreement with ordinary regression, honesty about noise, and what the pooling sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from loho_bench.networks.lpips import BLOCK_LAYERS, Lpips, LpipsHeads, scale_input
from loho_bench.networks.vgg import Vgg16
from loho_bench.training.dataset import PortraitDataset
from loho_bench.training.features import probes
from loho_bench.training.features.attributes import ATTRIBUTES
from loho_bench.training.features.probes import (
    RidgeProbe,
    linear_r2,
    pooled_features,
    probe_r2,
    r2,
    some_portraits,
)
from loho_bench.training.features.tasks import pool, pooled_size

WIDTHS = (2, 3, 4, 5, 6)


@pytest.fixture(scope="module")
def features() -> Lpips:
    torch.manual_seed(0)
    return Lpips(Vgg16(WIDTHS), LpipsHeads(WIDTHS)).eval().requires_grad_(False)


def part(dataset: PortraitDataset, start: int, stop: int) -> PortraitDataset:
    return PortraitDataset(**{name: values[start:stop] for name, values in vars(dataset).items()})


def test_a_linear_relation_is_found_exactly_enough():
    draw = np.random.default_rng(0)
    features = draw.normal(size=(300, 20)) * np.geomspace(0.01, 100, 20) + 5
    weights = draw.normal(size=(20, 2)) / np.geomspace(0.01, 100, 20)[:, None]
    targets = features @ weights + 3
    predicted = RidgeProbe(features[:200]).predict(targets[:200], features[200:])
    assert r2(predicted, targets[200:]) > 0.999


def test_weak_penalties_agree_with_least_squares():
    draw = np.random.default_rng(1)
    features = draw.normal(size=(400, 10))
    targets = features @ draw.normal(size=(10, 1)) + 0.1 * draw.normal(size=(400, 1))
    design = np.column_stack([features, np.ones(400)])
    solved, *_ = np.linalg.lstsq(design[:300], targets[:300], rcond=None)
    predicted = RidgeProbe(features[:300]).predict(targets[:300], features[300:])
    np.testing.assert_allclose(predicted, design[300:] @ solved, atol=0.06)


def test_noise_is_not_learned_however_many_features_there_are():
    draw = np.random.default_rng(2)
    features, targets = draw.normal(size=(200, 1000)), draw.normal(size=(200, 1))
    score = r2(RidgeProbe(features[:120]).predict(targets[:120], features[120:]), targets[120:])
    assert -0.3 < score < 0.15


def test_r2_is_one_at_best_and_zero_for_the_mean():
    answers = np.array([[0.0, 10], [1, 30], [2, 20]])
    assert r2(answers, answers) == 1
    assert r2(np.broadcast_to(answers.mean(0), answers.shape), answers) == pytest.approx(0)
    half = answers.copy()
    half[:, 1] = 20
    assert r2(half, answers) == pytest.approx(0.5)


def test_every_attribute_is_judged_by_itself():
    draw = np.random.default_rng(3)
    features = draw.normal(size=(100, 5))
    targets = {"told": features[:, :1], "hidden": draw.normal(size=(100, 1))}
    first, last = (
        {name: values[rows] for name, values in targets.items()} for rows in (slice(60), slice(60, 100))
    )
    found = linear_r2(features[:60], first, features[60:], last)
    assert found["told"] > 0.99
    assert found["hidden"] < 0.3


def test_pooling_is_means_deviations_and_a_grid():
    torch.manual_seed(1)
    levels = [torch.rand(2, width, 32 >> i, 32 >> i) for i, width in enumerate((1, 2, 3, 4))]
    found = pool(levels)
    assert found.shape == (2, pooled_size((1, 2, 3, 4)))
    last = levels[3].numpy()
    np.testing.assert_allclose(found[:, 6:10], last.mean((2, 3)), rtol=1e-5)
    np.testing.assert_allclose(found[:, 16:20], last.std((2, 3)), rtol=1e-3)
    # The last level is of 4 x 4 parts already; of the first no grid is taken.
    np.testing.assert_allclose(found[:, -64:], last.reshape(2, -1), rtol=1e-5)


def test_the_network_sees_scaled_portraits(features, portraits, monkeypatch):
    monkeypatch.setattr(probes, "_AT_ONCE", 3)
    few = part(portraits, 0, 5)
    maps = features.vgg(scale_input(few.batch(np.arange(5))), BLOCK_LAYERS)
    expected = pool([maps[layer] for layer in BLOCK_LAYERS])
    np.testing.assert_allclose(pooled_features(features, few), expected, rtol=1e-4, atol=1e-5)


def test_probes_answer_for_every_attribute(features, portraits):
    found = probe_r2(features, part(portraits, 0, 30), part(portraits, 30, 40))
    assert set(found) == set(ATTRIBUTES)
    assert all(np.isfinite(value) and value <= 1 for value in found.values())
    # Judged on what they were fitted to, probes with hundreds of features know more than they do.
    known = probe_r2(features, part(portraits, 0, 30), part(portraits, 0, 30))
    assert all(known[name] > found[name] for name in ("background", "skin", "identity"))


def test_some_portraits_are_the_first(portraits, monkeypatch):
    monkeypatch.setattr(probes, "_ENOUGH", 7)
    assert np.array_equal(some_portraits(portraits).latents, portraits.latents[:7])
