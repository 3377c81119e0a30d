"""Settings: what is refused, and that a refusal says where, why and what was perhaps meant."""

from __future__ import annotations

import json
from pathlib import Path

import pydantic
import pytest
import yaml

from loho_bench.errors import UserError, suggest
from loho_bench.settings.loading import load_settings, validate_settings
from loho_bench.settings.project import Settings

CONFIG = Path(__file__).parents[2] / "config"


def refusal(source) -> str:
    with pytest.raises(UserError) as error:
        load_settings(source)
    assert error.value.cause
    assert error.value.remedy
    return str(error.value)


@pytest.mark.parametrize(
    ("values", "place", "key", "nearest"),
    [
        ({"sed": 1}, "top level", "sed", "seed"),
        ({"tuple": {}}, "top level", "tuple", "tuples"),
        ({"tuples": {"per_categorie": 3}}, "tuples", "per_categorie", "per_category"),
        ({"transfer": {"batchsize": 3}}, "transfer", "batchsize", "batch_size"),
        ({"loho": {"step_stage_one": 3}}, "loho", "step_stage_one", "steps_stage_one"),
        ({"loho": {"weights": {"stile": 3}}}, "loho.weights", "stile", "style"),
    ],
)
def test_an_unknown_key_names_the_nearest(values, place, key, nearest):
    message = refusal(json.dumps(values))
    assert f"{place}: " in message
    assert f"unknown setting '{key}'. Did you mean '{nearest}'?" in message


def test_a_key_like_no_other_gets_no_guess():
    message = refusal('{"qqqqqq": 1}')
    assert "unknown setting 'qqqqqq'." in message
    assert "Did you mean" not in message


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"seed": -1}, "seed"),
        ({"portraits": {"size": 63}}, "portraits.size"),
        ({"portraits": {"size": 1025}}, "portraits.size"),
        ({"portraits": {"count": 2}}, "portraits.count"),
        ({"portraits": {"source": "web"}}, "portraits.source"),
        ({"annotation": {"mask_size": 250}}, "annotation.mask_size"),
        ({"tuples": {"per_category": 0}}, "tuples.per_category"),
        ({"tuples": {"minimum_hair_fraction": 1.01}}, "tuples.minimum_hair_fraction"),
        ({"tuples": {"reading": "loose"}}, "tuples.reading"),
        ({"transfer": {"batch_size": "many"}}, "transfer.batch_size"),
        ({"transfer": {"resolution": 128.5}}, "transfer.resolution"),
        ({"transfer": None}, "transfer"),
        ({"loho": {"learning_rate": 0}}, "loho.learning_rate"),
        ({"loho": {"identity_blocks": [1, 6]}}, "loho.identity_blocks.1"),
        ({"loho": {"structure_blocks": []}}, "loho.structure_blocks"),
        ({"loho": {"structure_blocks": [4, 4]}}, "loho.structure_blocks"),
        ({"loho": {"weights": {"face": -1}}}, "loho.weights.face"),
        ({"loho": {"steps_stage_one": 0, "steps_stage_two": 0}}, "loho"),
        ({"reports": {"methods": []}}, "reports.methods"),
        ({"reports": {"confidence": 1}}, "reports.confidence"),
        ({"methods": {"loho": 3}}, "methods.loho"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_place(values, place):
    assert f"{place}: " in refusal(json.dumps(values))


@pytest.mark.parametrize(
    ("values", "place", "needed"),
    [
        ({"portraits": {"source": "folder"}}, "portraits", ["'folder'"]),
        ({"annotation": {"source": "given"}}, "annotation", ["'masks'", "'landmarks'"]),
        ({"annotation": {"source": "given", "masks": "m"}}, "annotation", ["'landmarks'"]),
        ({"annotation": {"source": "given", "landmarks": "l.csv"}}, "annotation", ["'masks'"]),
    ],
)
def test_a_source_without_its_files_is_refused(values, place, needed):
    message = refusal(json.dumps(values))
    assert f"{place}: 'source: {values[place]['source']}' needs {' and '.join(needed)}" in message


def test_a_source_with_its_files_is_accepted():
    values = {
        "portraits": {"source": "folder", "folder": "p"},
        "annotation": {"source": "given", "masks": "m", "landmarks": "l.csv"},
    }
    settings = load_settings(json.dumps(values))
    assert (settings.portraits.source, settings.annotation.source) == ("folder", "given")


def test_the_ends_of_a_range_are_inside():
    for size in (64, 1024):
        assert load_settings(json.dumps({"portraits": {"size": size}})).portraits.size == size
    assert load_settings('{"tuples": {"minimum_hair_fraction": 1}}').tuples.minimum_hair_fraction == 1


def test_all_mistakes_are_told_at_once():
    message = refusal('{"seed": -1, "loho": {"wieghts": {}}, "tuples": {"per_category": 0}}')
    assert all(part in message for part in ("seed: ", "'weights'", "tuples.per_category: "))


@pytest.mark.parametrize("text", ['{"seed": 1', "{seed: 1}", '{"seed": 1} more'])
def test_inline_text_that_is_no_json(text):
    message = refusal(text)
    assert "not JSON" in message
    assert "line 1 column" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"seed: [1, 2", "line 1"),
        (b"seed: 1\n\tloho: {}\n", "line 2"),
        ("seed: 1  # für".encode("latin-1"), "utf-8"),
        (b"- seed\n- 1\n", "top level"),
        (b"just a word\n", "top level"),
        (b"sed: 1\n", "Did you mean 'seed'?"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, content, words):
    path = tmp_path / "my.yaml"
    path.write_bytes(content)
    message = refusal(path)
    assert str(path) in message
    assert words in message


def test_a_missing_file_is_named(tmp_path):
    assert str(tmp_path / "no.yaml") in refusal(tmp_path / "no.yaml")


def test_what_is_left_out_keeps_its_default(tmp_path):
    (tmp_path / "empty.yaml").write_text("# nothing yet\n")
    assert load_settings() == load_settings(tmp_path / "empty.yaml") == Settings()
    changed = load_settings(' {"loho": {"weights": {"style": 2}}}')
    assert changed.loho.weights.style == 2
    # Section 4 of the paper.
    assert changed.loho.weights.appearance == 40
    assert changed.loho.steps_stage_one == changed.loho.steps_stage_two == 1000
    assert changed.loho.structure_blocks == (4, 5)


def test_yaml_and_json_files_and_text_say_the_same(tmp_path):
    values = {"seed": 3, "loho": {"margin": 2.5}, "methods": {"loho-no-go": {"learning_rate": 0.05}}}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(values))
    (tmp_path / "a.json").write_text(json.dumps(values))
    found = load_settings(json.dumps(values))
    assert found == load_settings(tmp_path / "a.yaml") == load_settings(tmp_path / "a.json")
    assert found.seed == 3
    assert found.methods["loho-no-go"] == {"learning_rate": 0.05}


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.name)
def test_the_files_of_the_repository_are_valid(path):
    assert isinstance(load_settings(path), Settings)


def test_the_default_file_says_what_the_defaults_are():
    written = yaml.safe_load((CONFIG / "default.yaml").read_text(encoding="utf-8"))
    assert set(written) == set(Settings.model_fields)
    # The defaults of methods are the published ones; the file sets what belongs to the embedded networks, and
    # reports what only synthetic portraits have.
    assert "true-answer" in written["reports"]["methods"]
    assert validate_settings({**written, "loho": {}, "methods": {}, "reports": {}}) == Settings()


def test_settings_cannot_be_changed():
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        load_settings().seed = 4


def test_suggestions():
    assert suggest("lohoo", ["loho", "other"]) == " Did you mean 'loho'?"
    assert suggest("zzz", ["loho", "other"]) == ""
