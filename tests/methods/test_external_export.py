"""What another program is given: files that it can find, and nothing that is finished."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from external_world import NAME, collect, entry, export, run_program
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from refusals import refusal
from runner_world import COUNT, IDS, SIZE, write_world

from loho_bench.errors import UserError
from loho_bench.methods.external.exchange import file_stem, read_triples
from loho_bench.reports.outputs import Selection
from loho_bench.settings.loading import validate_settings
from loho_bench.storage import read_table, write_table

INPUTS = Path("results") / NAME / "inputs" / "tuples-0000"


@pytest.fixture(autouse=True)
def _world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_world()


def test_every_line_names_three_portraits_and_a_place_for_the_result():
    export()
    tuples = read_table("tuples.csv").set_index("tuple_id")
    lines = [line.split("\t") for line in (INPUTS / "triples.tsv").read_text().splitlines()]
    assert [line[0] for line in lines] == IDS
    for tuple_id, *portraits, result, _ in lines:
        assert [Path(path).stem for path in portraits] == list(tuples.loc[tuple_id][:3])
        assert result == f"results/{NAME}/outputs/tuples-0000/{tuple_id}.png"
        for path in portraits:
            source = np.array(Image.open(f"portraits/{Path(path).name}"))
            np.testing.assert_array_equal(np.array(Image.open(path)), source)


def test_list_of_names_is_read_as_hairfastgan_reads_it():
    """Its main.py splits a line at blanks, joins each name to a folder, and the stems by underscores."""
    export()
    results = set()
    for line in (INPUTS / "triples.txt").read_text().splitlines():
        face, shape, color = (INPUTS / "portraits" / name for name in line.split())
        assert face.is_file()
        assert shape.is_file()
        assert color.is_file()
        results.add("_".join(path.stem for path in (face, shape, color)))
    assert len(results) == COUNT


def test_masks_are_those_of_the_annotations():
    from loho_bench.annotation.masks import unpack_bits

    export()
    notes = read_table("annotations.parquet").set_index("portrait_id")
    for portrait_id, note in notes.iterrows():
        for part in ("hair", "face"):
            written = np.array(Image.open(INPUTS / part / f"{portrait_id}.png"))
            assert set(np.unique(written)) == {0, 255}
            np.testing.assert_array_equal(written == 255, unpack_bits(note[f"{part}_mask"], SIZE))


def test_portraits_have_the_size_that_the_program_asks_for():
    export(size=96)
    for folder in ("portraits", "hair", "face"):
        assert {Image.open(path).size for path in (INPUTS / folder).glob("*.png")} == {(96, 96)}


def test_finished_tuples_are_left_out_and_their_portraits_removed():
    export()
    run_program(without=IDS[3:4])
    collect()
    assert export() == 1
    assert list(read_triples(INPUTS)) == IDS[3:4]
    assert {path.stem for path in (INPUTS / "portraits").glob("*.png")} == {"p3", "p4", "p0"}


@pytest.mark.parametrize("change", [{"version": 2}, {"options": {"steps": 5}}, {"size": 96}])
def test_another_version_asks_for_everything_again(change):
    export()
    run_program()
    collect()
    assert export() == 0
    assert export(**change) == COUNT


def test_another_portrait_asks_for_its_tuples_again():
    export()
    run_program()
    collect()
    table = read_table("portraits.parquet")
    table.loc[table["portrait_id"] == "p5", "sha256"] = "0" * 64
    write_table(table, "portraits.parquet")
    assert export() == 1
    assert list(read_triples(INPUTS)) == IDS[4:]


def test_label_and_citation_ask_for_nothing():
    export()
    run_program()
    collect()
    assert export(label="Another label", citation="Somebody", url="somewhere") == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=2, max_size=8, unique=True))
def test_names_of_files_are_safe_and_distinct(portrait_ids):
    stems = [file_stem(portrait_id) for portrait_id in portrait_ids]
    assert len(set(stems)) == len(portrait_ids)
    for stem in stems:
        assert not set(stem) & set("_./\\ \t\n\"'$*?")
        assert stem.isascii()


def test_a_killed_export_lists_nothing(monkeypatch):
    export()
    from loho_bench.methods.external import export as module

    def fail(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_png", fail)
    with pytest.raises(KeyboardInterrupt):
        export()
    assert not (INPUTS / "triples.tsv").exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"result_name": "{identity}.png"}, "it needs {tuple_id}"),
        ({"result_name": "{tuple}.png"}, "'{tuple}' is unknown"),
        ({"result_name": "a/{tuple_id}.png"}, "a name has no '/'"),
        ({"result_name": "{tuple_id"}, "is no name of a file"),
        ({"lable": "x"}, "Did you mean 'label'?"),
        ({"size": -1}, "greater than or equal to 0"),
    ],
)
def test_settings_that_cannot_be_used_say_why(values, message):
    with pytest.raises(UserError) as error:
        entry(**values)
    assert message in refusal(error)


def test_a_method_is_in_the_reports_without_being_named_there():
    settings = entry(reconstructs=True)
    default, paper = Selection.of(settings), Selection.of(settings, paper=True)
    assert default.methods[-1] == paper.methods[-1] == NAME
    assert default.reconstruction[-1] == paper.reconstruction[-1] == NAME
    assert NAME not in paper.editing
    assert Selection.of(entry(edits=True), paper=True).editing[-1] == NAME


def test_name_of_a_method_of_the_package_is_refused():
    from loho_bench.methods.catalogue import registry_for

    with pytest.raises(UserError) as error:
        registry_for(validate_settings({"external": {"loho": {}}}))
    assert "'loho'" in refusal(error)


def test_unknown_method_is_answered_with_the_nearest():
    with pytest.raises(UserError) as error:
        export(method="outsidr")
    assert f"Did you mean '{NAME}'?" in refusal(error)
