"""Training of the inpainter: its scenes, its loss, its figures, and that a killed one goes on exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from loho_bench.methods.compositing import Telea, removal_hole
from loho_bench.networks.graphonomy import FACE, HAIR
from loho_bench.networks.inpainting import GatedInpainter
from loho_bench.training import inpainter as training
from loho_bench.training import loop
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import PortraitDataset
from loho_bench.training.inpainter import completion_loss, inpainter_figures, scenes, train_inpainter

SMALL = {"width": 4, "size": 64, "fuse": False}


def few(portraits: PortraitDataset, count: int) -> PortraitDataset:
    return PortraitDataset(**{name: values[:count] for name, values in vars(portraits).items()})


def test_scenes_show_what_the_portraits_hide(portraits):
    index = np.array([3, 11, 20])
    images, foreground, behind, backdrop = scenes(portraits, index)
    labels = torch.from_numpy(portraits.labels[index])[:, None]
    assert torch.equal(foreground > 0, (labels == HAIR) | (labels == FACE))
    visible = (removal_hole(removal_hole(foreground)) == 0) & (backdrop > 0)
    assert visible.float().mean() > 0.1
    error = ((images - behind).abs() * visible).sum() / (3 * visible.sum())
    assert error < 2 / 255
    assert ((images - behind).abs() * foreground).max() > 0.3


def test_the_loss_looks_behind_the_head_and_a_little_beside_it():
    images, behind = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
    hole = torch.zeros(1, 1, 8, 8)
    hole[..., :4] = 1
    right = torch.where(hole > 0, behind, images)
    assert completion_loss([right, right], images, behind, hole) == 0
    assert completion_loss([images, right], images, behind, hole).item() == pytest.approx(1)
    assert completion_loss([right, behind], images, behind, hole).item() == pytest.approx(0.2)


def test_figures_of_the_fallback_are_those_counted_by_hand(portraits):
    held_out = few(portraits, 6)
    figures = inpainter_figures(GatedInpainter(**SMALL), held_out)
    images, foreground, behind, backdrop = scenes(held_out, np.arange(6))
    holes = removal_hole(foreground)
    filled = Telea().fill(images, holes)
    psnr, l1 = [], []
    for k in range(6):
        chosen = ((holes * backdrop)[k, 0] > 0).numpy()
        error = 127.5 * (filled - behind)[k].numpy()[:, chosen].astype(np.float64)
        psnr.append(10 * math.log10(255**2 / (error**2).mean()))
        l1.append(np.abs(error).mean())
    assert figures["telea_backdrop_psnr"] == pytest.approx(np.mean(psnr), abs=1e-3)
    assert figures["telea_backdrop_l1"] == pytest.approx(np.mean(l1), rel=1e-4)
    assert figures["portraits"] == 6
    assert figures["telea_border_l1"] < figures["telea_backdrop_l1"]


@pytest.mark.slow
def test_a_few_steps_teach_something(portraits, tmp_path):
    images, foreground, behind, _ = (F.avg_pool2d(x, 2) for x in scenes(portraits, np.arange(4)))
    holes = (foreground > 0).float()
    losses = []
    for steps in (1, 25):
        drawn = _train(portraits, tmp_path / str(steps), steps)(images, holes)
        losses.append(completion_loss(list(drawn), images, behind, holes).item())
    assert losses[1] < 0.8 * losses[0]


def test_a_killed_training_goes_on_exactly(portraits, tmp_path, monkeypatch):
    whole = _train(portraits, tmp_path / "whole", steps=3)
    calls = []

    def killed(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return completion_loss(*arguments)

    monkeypatch.setattr(loop, "_SAVED_EVERY_SECONDS", -1)
    monkeypatch.setattr(training, "completion_loss", killed)
    with pytest.raises(KeyboardInterrupt):
        _train(portraits, tmp_path / "killed", steps=3)
    monkeypatch.undo()
    again = _train(portraits, tmp_path / "killed", steps=3)
    for name, value in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)


def _train(portraits: PortraitDataset, folder, steps: int) -> GatedInpainter:
    folder.mkdir(exist_ok=True)
    network, figures = train_inpainter(
        portraits,
        few(portraits, 2),
        steps=steps,
        seed=0,
        checkpoints=Checkpoints(folder),
        batch=4,
        config=SMALL,
    )
    assert figures["portraits"] == 2
    return network
