"""The list of published files: complete, strict, and honest about what is not known."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import yaml
from refusals import refusal

import loho_bench
from loho_bench.errors import UserError
from loho_bench.settings.project import NetworkSettings
from loho_bench.weights.published.manifest import MANIFEST, manifest, read_manifest, weight_file

ENTRY = {
    "name": "net",
    "file": "net-0123abcd.pth",
    "used_for": "tests",
    "urls": ["https://example.org/net.pth"],
    "page": "https://example.org",
    "licence": "MIT",
}


def choices(setting: str) -> set[str]:
    annotation = NetworkSettings.model_fields[setting].annotation
    return set(annotation.__args__) - {"embedded", "aligned"}


def test_every_choice_of_the_settings_is_in_the_list():
    names = set(manifest())
    for setting in ("generator", "parser", "face_detector"):
        assert choices(setting) <= names
    assert {"2dfan4", "vgg16", "inception-clean", "inception-pytorch"} <= names
    assert len([name for name in names if name.startswith("michigan")]) == 3


def package(name: str) -> Path:
    """Folder of an installed package, which is not imported."""
    found = importlib.util.find_spec(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return Path(found.submodule_search_locations[0])


@pytest.mark.parametrize(
    ("name", "library", "source"),
    [
        ("vgg16", "torchvision", "models/vgg.py"),
        ("inception-clean", "cleanfid", "downloads_helper.py"),
        ("inception-pytorch", "cleanfid", "inception_pytorch.py"),
        ("bisenet", "facexlib", "parsing/__init__.py"),
        ("parsenet", "facexlib", "parsing/__init__.py"),
        ("2dfan4", "face_alignment", "api.py"),
        ("sfd", "face_alignment", "detection/sfd/sfd_detector.py"),
        ("blazeface", "face_alignment", "detection/blazeface/blazeface_detector.py"),
        ("blazeface-anchors", "face_alignment", "detection/blazeface/blazeface_detector.py"),
        ("blazeface-back", "face_alignment", "detection/blazeface/blazeface_detector.py"),
        ("blazeface-back-anchors", "face_alignment", "detection/blazeface/blazeface_detector.py"),
        ("retinaface", "face_alignment", "detection/retinaface/retinaface_detector.py"),
    ],
)
def test_addresses_are_those_in_the_source_of_the_libraries(name, library, source):
    (url,) = manifest()[name].urls
    assert f"{url}'" in (text := (package(library) / source).read_text().replace('"', "'"))
    if name == "vgg16":
        size = manifest()[name].size / 2**20
        assert f"'_file_size': {size:.3f}," in text.split(url)[1].split("Weights(")[0]


def test_the_list_ships_inside_the_package():
    assert MANIFEST.is_relative_to(Path(loho_bench.__file__).parent)
    assert list(manifest()) == [entry["name"] for entry in yaml.safe_load(MANIFEST.read_text())]


def write(tmp_path, *entries):
    path = tmp_path / "manifest.yaml"
    path.write_text(yaml.safe_dump(list(entries)))
    return path


def test_what_is_left_out_is_unknown(tmp_path):
    file = read_manifest(write(tmp_path, ENTRY))["net"]
    assert (file.size, file.sha256, file.sha256_prefix) == (None, None, None)
    assert file.size_text == "size unknown"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sise": 3}, "unknown field 'sise'. Did you mean 'size'?"),
        ({"file": "../net.pth"}, "file"),
        ({"name": "Net Work"}, "name"),
        ({"sha256": "ABC"}, "sha256"),
        ({"sha256_prefix": "deadbeef"}, "not in the file name"),
        ({"urls": ["ftp://example.org/net.pth"]}, "urls"),
        ({"urls": []}, "'steps' for a person"),
        ({"size": 0}, "size"),
        ({"licence": ""}, "licence"),
    ],
)
def test_a_broken_entry_is_named_with_what_is_wrong(tmp_path, changes, words):
    with pytest.raises(UserError) as error:
        read_manifest(write(tmp_path, {**ENTRY, **changes}))
    assert words in refusal(error)
    assert str(changes.get("name", "net")) in refusal(error)


@pytest.mark.parametrize("key", ["name", "file"])
def test_two_entries_cannot_share_a_name_or_a_file(tmp_path, key):
    other = {**ENTRY, "name": "other", "file": "other.pth", key: ENTRY[key]}
    with pytest.raises(UserError, match=f"the {key} '{ENTRY[key]}'"):
        read_manifest(write(tmp_path, ENTRY, other))


@pytest.mark.parametrize("text", ["a: 1", "- 3", "[", ""])
def test_something_else_than_a_list_is_refused(tmp_path, text):
    (tmp_path / "manifest.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        read_manifest(tmp_path / "manifest.yaml")
    refusal(error)


def test_a_typing_error_is_answered_with_the_nearest_name():
    with pytest.raises(UserError, match="Did you mean 'graphonomy'") as error:
        weight_file("grafonomy")
    refusal(error)
