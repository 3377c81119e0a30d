"""Which files a setting needs, and what a result depends on."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path
from typing import get_args

import pytest
import yaml
from refusals import refusal

from loho_bench.errors import UserError
from loho_bench.settings.loading import load_settings, validate_settings
from loho_bench.settings.project import NetworkSettings
from loho_bench.storage import write_json
from loho_bench.weights import needs
from loho_bench.weights.embedded import NAMES
from loho_bench.weights.needs import needed_files, networks_of, require_all, weights_hash
from loho_bench.weights.published.manifest import manifest

CONFIG = Path(__file__).parents[2] / "config"


def choices(name: str) -> tuple[str, ...]:
    return get_args(NetworkSettings.model_fields[name].annotation)


@pytest.fixture
def empty_store(tmp_path, monkeypatch) -> Path:
    """A folder of weights with nothing in it, and no other one."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setenv("LOHO_BENCH_WEIGHTS", str(folder))
    return folder


def test_the_default_needs_no_file():
    assert needed_files(NetworkSettings(), *NAMES) == ()
    require_all(load_settings(CONFIG / "default.yaml"), NAMES)


def test_every_choice_of_every_job_names_files_of_the_manifest():
    for job in NAMES:
        for choice in choices(job):
            assert set(needed_files(NetworkSettings(**{job: choice}), job)) <= set(manifest())
    for detector, mode in product(choices("face_detector"), choices("inception_mode")):
        networks = NetworkSettings(
            landmarks="2dfan", face_detector=detector, extractor="inception", inception_mode=mode
        )
        names = needed_files(networks, *NAMES)
        assert names[0] == "2dfan4"
        assert set(names) <= set(manifest())
        assert (len(names) == 2) == (detector == "aligned")


def test_the_paper_s_setting_lists_all_that_is_missing_at_once(empty_store):
    settings = validate_settings(yaml.safe_load((CONFIG / "ffhq.yaml").read_text()))
    with pytest.raises(UserError) as error:
        require_all(settings, ["generator", "parser", "features", "inpainter", "michigan"])
    message = refusal(error)
    for name in ("stylegan2-ffhq", "graphonomy", "2dfan4", "vgg16", "inception-clean"):
        assert name in message
        assert manifest()[name].file in message
    assert "bisenet" not in message


def test_given_annotations_need_no_landmark_network(empty_store, tmp_path):
    given = {"source": "given", "masks": str(tmp_path), "landmarks": "landmarks.csv"}
    require_all(validate_settings({"networks": {"landmarks": "2dfan"}, "annotation": given}), [])
    with pytest.raises(UserError, match="2dfan4"):
        require_all(validate_settings({"networks": {"landmarks": "2dfan"}}), [])


def test_only_the_settings_of_a_job_belong_to_it():
    networks = NetworkSettings(parser_scales="single")
    assert networks_of(networks, "parser", "features") == {
        "parser": "embedded",
        "parser_scales": "single",
        "features": "embedded",
    }


def test_a_hash_of_weights_changes_with_those_it_covers_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(needs, "FOLDER", tmp_path)
    cards = {name: tmp_path / f"{name}.json" for name in ("generator", "parser", "landmarks", "features")}
    for path in cards.values():
        write_json({"sha256": "0" * 64, "seed": 0}, path)
    settings, covered = validate_settings({}), ("generator", "parser", "features")
    hashes = [weights_hash(settings, *covered)]
    assert len(hashes[0]) == 12
    for path in cards.values():
        write_json({"sha256": "1" * 64, "seed": 0}, path)
        hashes.append(weights_hash(settings, *covered))
    # In the order of the cards: that of the landmarks, the third, is not covered.
    assert [new != old for old, new in pairwise(hashes)] == [True, True, False, True]
    assert len(set(hashes)) == 4


def test_a_hash_covers_published_files_by_content_and_what_is_done_with_them(empty_store):
    def found(**networks: str) -> str:
        return weights_hash(validate_settings({"networks": networks}), "parser", "features")

    absent = found(parser="graphonomy")
    path = empty_store / manifest()["graphonomy"].file
    path.write_bytes(b"one")
    one = found(parser="graphonomy")
    assert found(parser="graphonomy", extractor="inception") == one
    path.write_bytes(b"two")
    hashes = {
        absent,
        one,
        found(parser="graphonomy"),
        found(parser="graphonomy", parser_scales="single"),
        found(),
    }
    assert len(hashes) == 5
