"""A retrained network that is worse stays out; one that is not comes in, with its card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from refusals import refusal

from loho_bench.errors import UserError
from loho_bench.training.adoption import KEY_FIGURES, adopt, compare_cards
from loho_bench.weights.embedded import NAMES
from loho_bench.weights.files import save_network

GOOD = {"hair_iou": 0.95, "face_iou": 0.97}


def put(folder: Path, figures: dict, value: float = 0.0, name: str = "parser", **card) -> bytes:
    """Save a network of one number with these held-out figures; its bytes."""
    path = folder / f"{name}.safetensors"
    save_network(path, {"x": torch.tensor([value])}, {}, {"name": name, "held_out": figures, **card})
    return path.read_bytes()


@pytest.fixture
def shipped(tmp_path):
    put(tmp_path / "shipped", GOOD)
    return tmp_path / "shipped"


def try_adopting(tmp_path, shipped, figures, name="parser", **more) -> str:
    put(tmp_path / "training", figures, 1.0, name)
    return adopt(name, tmp_path / "training", shipped=shipped, **more)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "figures",
    [
        {"hair_iou": 0.90, "face_iou": 0.99},
        {"hair_iou": 0.9469, "face_iou": 0.97},
        {"hair_iou": float("nan"), "face_iou": 0.97},
        {"pixel_accuracy": 1.0},
    ],
    ids=["one much worse", "just beyond the tolerance", "no number", "nothing in common"],
)
def test_worse_network_is_refused_and_nothing_is_touched(tmp_path, shipped, figures):
    before = contents(shipped)
    with pytest.raises(UserError) as error:
        try_adopting(tmp_path, shipped, figures)
    message = refusal(error)
    assert "hair_iou" in message
    assert "--force" in message
    if figures.get("hair_iou") == 0.90:
        assert "0.95 -> 0.9 " in message
        assert "face_iou" not in message
    assert contents(shipped) == before


@pytest.mark.parametrize("hair", [0.9471, 0.95, 0.99], ids=["within the tolerance", "equal", "better"])
def test_network_that_is_not_worse_is_adopted_with_its_card(tmp_path, shipped, hair):
    old = json.loads((shipped / "parser.json").read_text())
    weights = put(tmp_path / "training", {**GOOD, "hair_iou": hair}, 1.0)
    assert "adopted" in adopt("parser", tmp_path / "training", shipped=shipped)
    assert (shipped / "parser.safetensors").read_bytes() == weights
    card = json.loads((shipped / "parser.json").read_text())
    assert card["held_out"]["hair_iou"] == hair
    assert card["adopted"]["instead_of"] == old["sha256"]
    assert "forced" not in card["adopted"]
    assert {path.name for path in shipped.iterdir()} == {"parser.safetensors", "parser.json"}


def test_lower_is_better_for_distances(tmp_path, shipped):
    put(shipped, {"mean_error": 0.7}, name="landmarks")
    with pytest.raises(UserError):
        try_adopting(tmp_path, shipped, {"mean_error": 0.9}, "landmarks")
    assert "adopted" in try_adopting(tmp_path, shipped, {"mean_error": 0.5}, "landmarks")


def test_first_of_its_name_is_adopted(tmp_path, shipped):
    assert "first" in try_adopting(tmp_path, shipped, {}, "extractor")
    assert (shipped / "extractor.safetensors").is_file()


def test_forced_adoption_keeps_its_reason(tmp_path, shipped):
    try_adopting(tmp_path, shipped, {"hair_iou": 0.5, "face_iou": 0.97}, reason="other portraits")
    card = json.loads((shipped / "parser.json").read_text())
    assert card["adopted"]["forced"] == "other portraits"
    assert "0.95 -> 0.5" in card["adopted"]["compared"][0]


def test_adopting_twice_changes_nothing(tmp_path, shipped):
    try_adopting(tmp_path, shipped, GOOD)
    before = contents(shipped)
    assert "already" in adopt("parser", tmp_path / "training", shipped=shipped)
    assert contents(shipped) == before


def test_interrupted_adoption_is_repeated(tmp_path, shipped):
    new = put(tmp_path / "training", GOOD, 1.0)
    (shipped / "parser.safetensors").write_bytes(new)  # killed before the card was written
    adopt("parser", tmp_path / "training", shipped=shipped)
    card, wanted = (json.loads((f / "parser.json").read_text()) for f in (shipped, tmp_path / "training"))
    assert card["sha256"] == wanted["sha256"]


def test_weights_of_another_card_are_refused(tmp_path, shipped):
    put(tmp_path / "training", GOOD, 1.0)
    (tmp_path / "training" / "parser.safetensors").write_bytes(b"half")
    with pytest.raises(UserError) as error:
        adopt("parser", tmp_path / "training", shipped=shipped)
    assert "do not belong together" in refusal(error)


def test_unknown_and_untrained_networks_are_named(tmp_path, shipped):
    with pytest.raises(UserError) as error:
        adopt("parsers", tmp_path, shipped=shipped)
    assert "Did you mean 'parser'" in refusal(error)
    with pytest.raises(UserError) as error:
        adopt("parser", tmp_path / "nowhere", shipped=shipped)
    assert "parser.json" in refusal(error)


def test_figures_in_groups_are_found():
    old, new = ({"held_out": {"probe_r2": {"yaw": value}}} for value in (0.9, 0.8))
    (comparison,) = compare_cards(old, new, KEY_FIGURES["features"])
    assert comparison.worse
    assert comparison.figure.name == "probe_r2.yaw"


def test_every_shipped_network_has_figures_that_decide():
    assert set(NAMES) <= set(KEY_FIGURES)
