"""Tables whose ids stay text, JSON, PNG and hashes; broken files are named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from refusals import refusal

from loho_bench.errors import UserError
from loho_bench.storage import (
    file_sha256,
    read_json,
    read_table,
    write_json,
    write_png,
    write_table,
)


@pytest.mark.parametrize("name", ["tuples.csv", "tuples.parquet"])
def test_ids_stay_text(tmp_path, name):
    ids = ["00018", "NA", "1e5", "null", "True"]
    columns = ("tuple_id", "identity", "structure", "appearance", "portrait_id")
    table = pd.DataFrame({**dict.fromkeys(columns, ids), "face_iou": [0.1, 1 / 3, np.nan, 0.75, 1.0]})
    write_table(table, tmp_path / name)
    found = read_table(tmp_path / name)
    for column in columns:
        assert list(found[column]) == ids
    # csv and Parquet both keep every bit of a float, and its absence.
    np.testing.assert_array_equal(found["face_iou"].to_numpy(float), table["face_iou"])


def test_a_csv_is_what_a_spreadsheet_expects(tmp_path):
    write_table(pd.DataFrame({"tuple_id": ["a,b"], "value": [0.5]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == b'tuple_id,value\n"a,b",0.5\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.parquet", b"PAR1 and then nothing"),
        ("empty.parquet", b""),
        ("empty.csv", b""),
        ("ragged.csv", b"a,b\n1,2\n1,2,3,4\n"),
        ("latin.csv", "a\ngrün\n".encode("latin-1")),
    ],
)
def test_a_broken_table_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        read_table(tmp_path / name)
    assert f"cannot read {tmp_path / name}" in refusal(error)


def test_half_a_parquet_file_is_named(tmp_path):
    path = tmp_path / "t.parquet"
    write_table(pd.DataFrame({"a": range(1000)}), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"t\.parquet"):
        read_table(path)


@pytest.mark.parametrize("content", [b'{"a": 1', b"", b"\xff\xfe{}"])
def test_a_broken_json_file_is_named(tmp_path, content):
    (tmp_path / "row.json").write_bytes(content)
    with pytest.raises(UserError) as error:
        read_json(tmp_path / "row.json")
    assert f"cannot read {tmp_path / 'row.json'}" in refusal(error)


@pytest.mark.parametrize("read", [read_json, read_table])
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(UserError, match="no such file") as error:
        read(tmp_path / "not there.csv")
    assert "not there.csv" in refusal(error)


def test_json_round_trip(tmp_path):
    value = {"b": [1, 2.5, None, True], "a": {"ü": "ß"}}
    write_json(value, tmp_path / "v.json")
    assert read_json(tmp_path / "v.json") == value
    assert (tmp_path / "v.json").read_text(encoding="utf-8").index('"a"') < 10


def test_png_round_trip(tmp_path):
    rng = np.random.default_rng(1)
    for shape in ((5, 7, 3), (5, 7)):
        image = rng.integers(0, 256, shape, dtype=np.uint8)
        write_png(image, tmp_path / "image.png")
        with Image.open(tmp_path / "image.png") as opened:
            assert opened.format == "PNG"
            np.testing.assert_array_equal(np.asarray(opened), image)


def test_sha256_of_a_known_text(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(tmp_path / "abc") == known
