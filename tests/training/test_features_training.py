"""The feature network's training: folding is exact, heads stay non-negative, distances get their scale."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from loho_bench.networks.lpips import BLOCK_LAYERS, Lpips, LpipsHeads, scale_input
from loho_bench.networks.vgg import Vgg16
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import PortraitDataset
from loho_bench.training.features import judgements
from loho_bench.training.features import train as training
from loho_bench.training.features.judgements import fit_heads, judgement_accuracy
from loho_bench.training.features.train import NormalizedVgg, train_features

WIDTHS = (4, 4, 8, 8, 8)
disturb = training._disturb


@pytest.fixture
def normalized() -> NormalizedVgg:
    """A network whose normalisation is far from doing nothing."""
    torch.manual_seed(0)
    network = NormalizedVgg(WIDTHS)
    for norm in network.norms.values():
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.normal_(norm.bias)
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.3, 3)
    for conv in network.vgg.features.values():
        nn.init.normal_(conv.bias)
    return network.eval()


def features(seed: int = 0) -> Lpips:
    torch.manual_seed(seed)
    vgg = NormalizedVgg(WIDTHS)
    with torch.no_grad():
        vgg.train()(torch.rand(8, 3, 32, 32) * 2 - 1)
    return Lpips(vgg.fold(), LpipsHeads(WIDTHS))


def part(dataset: PortraitDataset, count: int) -> PortraitDataset:
    return PortraitDataset(**{name: values[:count] for name, values in vars(dataset).items()})


def test_the_folded_network_computes_the_same(normalized):
    x = torch.randn(2, 3, 48, 64)
    with torch.no_grad():
        expected = normalized(x)
        found = normalized.fold()(x, BLOCK_LAYERS)
        unfolded = normalized.vgg(x, BLOCK_LAYERS)
    assert len(expected) == 5
    for values, layer in zip(expected, BLOCK_LAYERS, strict=True):
        torch.testing.assert_close(found[layer], values, rtol=1e-4, atol=1e-4)
        assert values.max() > 0.1
        assert (unfolded[layer] - values).abs().max() > 0.1


def test_the_folded_network_is_plain_and_frozen(normalized):
    plain = normalized.fold()
    assert set(plain.state_dict()) == set(Vgg16(WIDTHS).state_dict())
    assert not plain.training
    assert not any(value.requires_grad for value in plain.parameters())


def test_fitted_heads_are_not_negative_and_differ(portraits, monkeypatch):
    monkeypatch.setattr(judgements, "_STEPS", 4)
    network = features()
    before = {name: value.clone() for name, value in network.vgg.state_dict().items()}
    fit_heads(network, portraits, seed=0)
    for head in network.heads.parameters():
        assert (head >= 0).all()
        assert head.std() / head.mean() > 1e-3
    assert all(torch.equal(value, before[name]) for name, value in network.vgg.state_dict().items())


def test_unrelated_portraits_lie_at_the_chosen_distance(portraits, monkeypatch):
    """Of 32 portraits fitting compares the first half with the second."""
    monkeypatch.setattr(judgements, "_STEPS", 1)
    network, few = features(), part(portraits, 32)
    fit_heads(network, few, seed=0)
    with torch.no_grad():
        maps = network.features(few.batch(np.arange(32)))
        total = sum(
            ((m[:16] - m[16:]).square() * network.heads.weights(block)).sum(1).mean((1, 2))
            for block, m in enumerate(maps, start=1)
        )
    assert total.mean().item() == pytest.approx(0.6, rel=1e-4)


def test_fitting_repeats_and_disturbs_no_draws(portraits, monkeypatch):
    monkeypatch.setattr(judgements, "_STEPS", 2)
    first, second, other = features(), features(), features()
    torch.manual_seed(3)
    fit_heads(first, portraits, seed=0)
    after = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(1), after)
    fit_heads(second, portraits, seed=0)
    fit_heads(other, portraits, seed=1)
    weights = [network.heads.weights(1) for network in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_judgements_tell_a_good_distance_from_a_bad_one(portraits):
    def judge(sign: float, seed: int = 0) -> float:
        stand_in = SimpleNamespace(
            features=lambda x: x, distance=lambda a, b: sign * (a - b).square().mean((1, 2, 3))
        )
        return judgement_accuracy(stand_in, portraits, seed=seed, batches=6)

    # Squared error sees which of two noises or blurs is the stronger.
    assert judge(1) > 0.8
    assert judge(1) == judge(1)
    assert judge(-1) == pytest.approx(1 - judge(1))


def test_every_change_grows_with_its_strength(portraits):
    images = portraits.batch(np.arange(4))
    for change in judgements._CHANGES:
        moved = []
        for strength in (0.0, 0.2, 0.8):
            torch.manual_seed(0)
            changed = change(images, torch.full((4, 1, 1, 1), strength))
            moved.append((changed - images).abs().mean().item())
        assert moved[0] < 1e-5
        assert moved[0] < moved[1] < moved[2]


def test_a_short_training_gives_frozen_features(portraits, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_BATCH", 4)
    monkeypatch.setattr(judgements, "_STEPS", 1)
    monkeypatch.setattr(training, "judgement_accuracy", lambda *args, **kwargs: 0.5)
    sizes = []
    monkeypatch.setattr(
        training,
        "_disturb",
        lambda images, generator: sizes.append(images.shape[-1]) or disturb(images, generator),
    )
    few = part(portraits, 10)
    network, figures = train_features(portraits, few, steps=3, seed=0, checkpoints=Checkpoints(tmp_path))
    assert sizes == [64, 64, 128]
    assert set(figures) == {"probe_r2", "judgement_accuracy", "seconds"}
    assert all(value < 1 for value in figures["probe_r2"].values())
    assert {"hair_colour", "hair_length", "hair_texture", "yaw", "skin"} <= set(figures["probe_r2"])
    assert network.vgg.widths == training.WIDTHS
    assert not network.training
    assert not any(value.requires_grad for value in network.parameters())
    assert all(value.isfinite().all() for value in network.state_dict().values())


def test_disturbing_leaves_colours_and_comes_in_both_scalings():
    generator = torch.Generator().manual_seed(0)
    grey = torch.full((400, 3, 16, 16), 0.5)
    changed = disturb(grey, generator).mean((2, 3))
    scaled = (changed - scale_input(grey)[:, :, 0, 0]).abs().amax(1) < 0.2
    plain = (changed - 0.5).abs().amax(1) < 0.09
    assert (scaled ^ plain).all()
    assert 0.6 < scaled.float().mean() < 0.8
    # The tint that is drawn has a deviation of 0.02: 5 units of 255, less than one hair colour to the next.
    assert changed[plain].std() == pytest.approx(0.02, rel=0.15)
