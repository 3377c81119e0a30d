"""A training that is killed and started again ends with the weights of one that was not."""

from __future__ import annotations

import os

import pytest
import torch
from torch import nn

from loho_bench.training import checkpoints as module
from loho_bench.training.checkpoints import Checkpoint, Checkpoints, weights_digest

STEPS = 12


def train(path, killed_before: int | None = None) -> dict[str, torch.Tensor]:
    """Train a tiny module with dropout and drawn data; save every fourth step."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=STEPS)
    checkpoint = Checkpoint(path, network=network, optimizer=optimizer, schedule=schedule)
    for step in range(checkpoint.restore(), STEPS):
        if step == killed_before:
            raise KeyboardInterrupt
        loss = (network(torch.randn(6, 4)) - torch.rand(6, 2)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 4 == 0:
            checkpoint.save(step + 1)
    return network.state_dict()


@pytest.mark.parametrize("killed_before", [2, 4, 7, 11])
def test_a_killed_training_ends_like_an_uninterrupted_one(tmp_path, killed_before):
    expected = train(tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut.pt", killed_before)
    torch.manual_seed(77)
    found = train(tmp_path / "cut.pt")
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_the_step_reached_is_remembered(tmp_path):
    checkpoint = Checkpoint(tmp_path / "new" / "c.pt", network=nn.Linear(2, 2))
    assert checkpoint.restore() == 0
    checkpoint.save(5)
    checkpoint.save(9)
    assert Checkpoint(tmp_path / "new" / "c.pt", network=nn.Linear(2, 2)).restore() == 9
    checkpoint.remove()
    checkpoint.remove()
    assert os.listdir(tmp_path / "new") == []
    assert checkpoint.restore() == 0


def test_being_killed_while_saving_keeps_the_state_before(tmp_path, monkeypatch):
    network = nn.Linear(2, 2)
    checkpoint = Checkpoint(tmp_path / "c.pt", network=network)
    checkpoint.save(3)
    kept = network.weight.detach().clone()

    def half(state, path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    nn.init.zeros_(network.weight)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", half)
        with pytest.raises(KeyboardInterrupt):
            checkpoint.save(6)
    assert os.listdir(tmp_path) == ["c.pt"]
    assert checkpoint.restore() == 3
    assert torch.equal(network.weight, kept)


def test_side_files_are_told_apart_by_what_decides_the_result(tmp_path):
    network = nn.Linear(2, 2)
    decisive = {"seed": 0, "steps": 9}
    first = Checkpoints(tmp_path)
    first.open("net", decisive, network=network).save(4)
    assert Checkpoints(tmp_path).open("net", dict(reversed(decisive.items())), network=network).restore() == 4
    others = [("net", {**decisive, "seed": 1}), ("net", {**decisive, "steps": 8}), ("other", decisive)]
    for name, settings in others:
        other = Checkpoints(tmp_path).open(name, settings, network=network)
        assert other.restore() == 0
        other.save(7)
    first.remove()
    assert len(os.listdir(tmp_path)) == 3
    assert Checkpoints(tmp_path).open("net", decisive, network=network).restore() == 0


def test_a_side_file_of_portraits_drawn_otherwise_is_left_alone(tmp_path, monkeypatch):
    network = nn.Linear(2, 2)
    Checkpoints(tmp_path).open("net", {}, network=network).save(4)
    monkeypatch.setattr(module, "renderer_hash", lambda: "another")
    assert Checkpoints(tmp_path).open("net", {}, network=network).restore() == 0


def test_the_digest_tells_the_smallest_change_of_a_weight():
    network = nn.Linear(2, 2)
    before = weights_digest(network)
    assert weights_digest(network) == before
    with torch.no_grad():
        network.bias[1] = torch.nextafter(network.bias[1], torch.tensor(9.0))
    assert weights_digest(network) != before
