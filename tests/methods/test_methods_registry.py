"""Names, settings and shapes: what is refused, and in which words."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from pydantic import ValidationError

from loho_bench.errors import UserError
from loho_bench.methods.catalogue import default_registry
from loho_bench.methods.registry import Registry
from loho_bench.settings.loho import LohoSettings


def test_the_ablations_are_methods():
    names = default_registry().names()
    assert names == sorted(set(names), key=names.index)
    assert {"loho", "loho-no-go", "loho-unprojected", "loho-one-stage"} <= set(names)


def test_duplicates_are_refused():
    registry = Registry()
    spec = default_registry().get("loho")
    registry.register(spec)
    with pytest.raises(ValueError, match="twice"):
        registry.register(spec)


def test_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'loho-no-go'"):
        default_registry().get("loho-nogo")


def test_layers_merge_group_by_group():
    spec = default_registry().get("loho-no-go")
    settings = spec.configure(
        {"steps_stage_one": 5, "weights": {"style": 2, "noise": 3}}, {"weights": {"noise": 4}}
    )
    assert settings.steps_stage_one == 5
    assert (settings.weights.style, settings.weights.noise, settings.weights.appearance) == (2, 4, 40)
    assert settings.structure_in_stage_two == "off"


def test_what_makes_a_variant_cannot_be_set():
    with pytest.raises(UserError, match="structure_in_stage_two"):
        default_registry().get("loho-no-go").configure({"structure_in_stage_two": "orthogonalized"})


def test_unknown_setting_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'learning_rate'"):
        default_registry().get("loho").configure({"learning_rat": 0.1})


def test_settings_of_the_paper_are_the_defaults():
    settings = LohoSettings()
    assert (settings.steps_stage_one, settings.steps_stage_two, settings.learning_rate) == (1000, 1000, 0.1)
    weights = settings.weights
    assert (weights.face, weights.structure, weights.appearance) == (1, 1, 40)
    assert (weights.style, weights.noise) == (15000, 100000)
    assert settings.structure_blocks == (4, 5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"structure_blocks": (4, 6)},
        {"structure_blocks": ()},
        {"identity_blocks": (1, 1)},
        {"rampup": 0},
        {"steps_stage_one": -1},
        {"masking": "both"},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        LohoSettings(**wrong)


def test_a_batch_whose_parts_do_not_fit_is_refused(batch):
    with pytest.raises(ValueError, match="structure_hair"):
        dataclasses.replace(batch, structure_hair=torch.zeros(3, 1, 16, 16))
    with pytest.raises(ValueError, match="2 seeds"):
        dataclasses.replace(batch, seeds=(1, 2))
