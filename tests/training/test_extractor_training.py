"""The extractor's training: flaws of known strength, answers from the vectors alone, a frozen network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from loho_bench.networks.resnet import ResNet
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import PortraitDataset
from loho_bench.training.features import extractor as training
from loho_bench.training.features.extractor import ExtractorHeads, add_flaws, train_extractor


def part(dataset: PortraitDataset, count: int) -> PortraitDataset:
    return PortraitDataset(**{name: values[:count] for name, values in vars(dataset).items()})


def test_flaws_are_as_strong_as_said(portraits):
    images = portraits.batch(np.arange(40)).repeat(5, 1, 1, 1)
    changed, strengths = add_flaws(images, torch.Generator().manual_seed(0))
    assert changed.abs().max() <= 1
    assert strengths.min() == 0
    assert 0.9 < strengths.max() <= 1
    untouched = (strengths == 0).all(dim=1)
    assert 0.15 < untouched.float().mean() < 0.35
    assert torch.equal(changed[untouched], images[untouched])
    moved = (changed - images).square().mean((1, 2, 3)).sqrt()
    edges = [(x[..., 1:] - x[..., :-1]).abs().mean((1, 2, 3)) for x in (changed, images)]
    for flaw, effect in ((0, moved), (1, edges[1] / edges[0]), (2, moved)):
        alone = (strengths > 0).sum(1) - (strengths[:, flaw] > 0).int() == 0
        assert torch.corrcoef(torch.stack([strengths[alone, flaw], effect[alone]]))[0, 1] > 0.7


def test_flaws_repeat(portraits):
    images = portraits.batch(np.arange(4))
    first, again, other = (add_flaws(images, torch.Generator().manual_seed(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_regressions_read_the_vectors_alone():
    torch.manual_seed(0)
    network = ResNet(widths=(4, 4, 4, 4), depths=(1, 1, 1, 1), dimension=6)
    heads = ExtractorHeads(network).eval()
    levels = network.levels(torch.rand(3, 3, 128, 128))
    vectors = network.embed(levels[-1])
    first = heads(vectors, levels)
    second = heads(vectors, [level + 1 for level in levels])
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])
    assert first[1].shape == (3, 5, 16, 16)
    assert first[2].shape == (3, 3, 16, 16)


def test_a_short_training_gives_a_frozen_network(portraits, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_BATCH", 4)
    few = part(portraits, 10)
    network, figures = train_extractor(portraits, few, steps=2, seed=0, checkpoints=Checkpoints(tmp_path))
    assert {"hair_colour", "hair_texture", "identity", "noise", "softness", "grain"} <= set(
        figures["probe_r2"]
    )
    assert all(np.isfinite(value) for value in figures["probe_r2"].values())
    assert not network.training
    assert not any(value.requires_grad for value in network.parameters())
    assert all(value.isfinite().all() for value in network.state_dict().values())


def test_it_sees_other_batches_than_the_feature_network():
    assert training._own_seed(0) != 0
    assert training._own_seed(1) - training._own_seed(0) == pytest.approx(1)
