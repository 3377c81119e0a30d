"""Recipes: names, and the card that a training leaves beside its weights."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from torch import nn

from loho_bench.errors import UserError
from loho_bench.networks.lpips import Lpips, LpipsHeads
from loho_bench.networks.vgg import Vgg16
from loho_bench.training import recipes
from loho_bench.training.recipes import RECIPES, Recipe, get_recipe, load_trained_features, make_network
from loho_bench.weights import embedded
from loho_bench.weights.files import read_network, save_network


def test_every_embedded_network_has_a_recipe():
    assert set(RECIPES) == set(embedded.NAMES)
    for name in embedded.NAMES:
        assert get_recipe(name).name == name


@pytest.mark.parametrize(("typed", "nearest"), [("generater", "generator"), ("landmark", "landmarks")])
def test_an_unknown_network_names_the_nearest(tmp_path, typed, nearest):
    for call in (lambda: get_recipe(typed), lambda: make_network(typed, tmp_path, seed=0, workers=1)):
        with pytest.raises(UserError, match=f"'{typed}'.*Did you mean '{nearest}'") as error:
            call()
        assert all(name in error.value.remedy for name in RECIPES)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def tiny(monkeypatch):
    """A recipe that fills a layer with its seed; portraits are never looked at."""

    def train(dataset, held_out, *, steps, seed, checkpoints):
        network = nn.Linear(3, 2)
        nn.init.constant_(network.weight, seed)
        checkpoints.open("tiny", {"seed": seed, "steps": steps}, network=network).save(steps)
        return network, {"quality": steps / 10, "seen": [len(dataset), len(held_out)]}

    recipe = Recipe("tiny", 40, train, lambda network: {"inputs": network.in_features})
    monkeypatch.setitem(recipes.RECIPES, "tiny", recipe)
    monkeypatch.setattr(recipes, "open_training", lambda folder, workers: range(11))
    monkeypatch.setattr(recipes, "open_held_out", lambda folder, workers: range(7))


@pytest.mark.usefixtures("tiny")
def test_the_card_says_what_was_done(tmp_path):
    make_network("tiny", tmp_path, seed=6, workers=1)
    tensors, config = read_network(tmp_path / "tiny.safetensors")
    assert config == {"inputs": 3}
    assert torch.equal(tensors["weight"], torch.full((2, 3), 6.0))
    card = json.loads((tmp_path / "tiny.json").read_text())
    assert card["command"] == "loho-bench train tiny --seed 6"
    assert card["seed"] == 6
    assert card["steps"] == 40
    assert card["parameters"] == 8
    assert card["held_out"] == {"quality": 4.0, "seen": [11, 7]}
    assert card["data"].startswith("11 synthetic portraits")
    assert card["versions"]["torch"] == torch.__version__
    assert card["sha256"] == hashlib.sha256((tmp_path / "tiny.safetensors").read_bytes()).hexdigest()


@pytest.mark.usefixtures("tiny")
def test_the_command_of_a_trial_repeats_the_trial(tmp_path):
    make_network("tiny", tmp_path, seed=0, workers=1, steps=5)
    card = json.loads((tmp_path / "tiny.json").read_text())
    assert card["command"] == "loho-bench train tiny --seed 0 --steps 5"
    assert card["held_out"]["quality"] == 0.5


@pytest.mark.usefixtures("tiny")
def test_side_files_go_when_the_network_is_saved(tmp_path, monkeypatch):
    def refuse(*args):
        raise UserError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(recipes, "save_network", refuse)
        for seed in (0, 1):
            with pytest.raises(UserError, match="no space"):
                make_network("tiny", tmp_path, seed=seed, workers=1)
    assert len(list(tmp_path.glob("tiny-*.pt"))) == 2
    make_network("tiny", tmp_path, seed=0, workers=1)
    # That of the other seed is another training's.
    assert len(list(tmp_path.glob("tiny-*.pt"))) == 1
    make_network("tiny", tmp_path, seed=1, workers=1)
    assert {path.name for path in tmp_path.glob("[!.]*")} == {"tiny.safetensors", "tiny.json"}


def test_trained_features_come_back_frozen(tmp_path):
    with pytest.raises(UserError, match=r"features\.safetensors"):
        load_trained_features(tmp_path)
    widths = (2, 2, 4, 4, 4)
    network = Lpips(Vgg16(widths), LpipsHeads(widths))
    save_network(tmp_path / "features.safetensors", network.state_dict(), {"widths": widths}, {})
    found = load_trained_features(tmp_path)
    x = torch.rand(1, 3, 32, 32)
    for a, b in zip(found.features(x), network.features(x), strict=True):
        assert torch.equal(a, b)
    assert not found.training
    assert not any(value.requires_grad for value in found.parameters())
