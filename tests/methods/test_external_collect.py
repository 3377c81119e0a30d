"""What becomes of another program's results: a row for each tuple, whatever the program left behind."""

from __future__ import annotations

import os
import signal

import numpy as np
import pandas as pd
import pytest
from external_world import FOLDER, INPUTS, OUTPUTS, PROBLEMS, collect, export, run_program
from PIL import Image
from refusals import refusal
from runner_world import COUNT, IDS, SIZE, write_world

from loho_bench.errors import UserError
from loho_bench.methods.results import COLUMNS, ResultFolder
from loho_bench.storage import read_table, write_png, write_table


@pytest.fixture(autouse=True)
def world(tmp_path, monkeypatch):
    """Five tuples whose results lie there."""
    monkeypatch.chdir(tmp_path)
    write_world()
    export()
    run_program()


def picture(name: str) -> np.ndarray:
    return np.array(Image.open(name))


def problems() -> dict[str, str]:
    table = read_table(PROBLEMS)
    return dict(zip(table["tuple_id"].fillna("") + table["file"], table["problem"], strict=True))


def test_results_become_rows_like_those_of_the_runner():
    rows = collect()
    assert tuple(rows.columns) == COLUMNS
    assert list(rows.index) == IDS
    assert (rows["status"] == "ok").all()
    for number, row in enumerate(rows.to_dict("records")):
        np.testing.assert_array_equal(picture(row["portrait"]), picture(f"portraits/p{number + 1}.png") // 2)
        assert (row["identity"], row["structure"], row["appearance"]) == (
            f"p{number}",
            f"p{number + 1}",
            "p0",
        )
    assert problems() == {}


SPOILED = {
    "missing": (lambda path: path.unlink(), "no file easy-0003.png was written"),
    "empty": (lambda path: path.write_bytes(b""), "unreadable: not an image of a known format"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:600]), "unreadable or truncated"),
    "size": (
        lambda path: Image.open(path).resize((50, 50)).save(path),
        "it has 50x50 pixels instead of 64x64",
    ),
    "shape": (lambda path: Image.open(path).resize((64, 50)).save(path), "it has 64x50 pixels"),
    "grey": (lambda path: Image.open(path).convert("L").save(path), "its pixels are L, not RGB"),
    "transparent": (lambda path: Image.open(path).convert("RGBA").save(path), "its pixels are RGBA, not RGB"),
    "palette": (lambda path: Image.open(path).convert("P").save(path), "its pixels are P, not RGB"),
    "folder": (lambda path: (path.unlink(), path.mkdir()), "no file easy-0003.png was written"),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_what_cannot_be_used_is_a_failure_of_its_tuple_alone(kind):
    collect()
    spoil, reason = SPOILED[kind]
    spoil(OUTPUTS / "easy-0003.png")
    rows = collect()
    assert rows.drop("easy-0003")["status"].eq("ok").all()
    failed = rows.loc["easy-0003"]
    assert failed["status"] == "failed"
    assert failed["reason"].startswith(reason)
    assert pd.isna(failed["portrait"])
    assert problems() == {"easy-0003easy-0003.png": failed["reason"]}


def test_exit_code_of_the_program_is_part_of_the_reason():
    (OUTPUTS / "easy-0002.png").unlink()
    (OUTPUTS / "times.tsv").write_text("easy-0001\t1.5\t3.75\t0\neasy-0002\t3.75\t4\t139\nnonsense\n")
    rows = collect()
    assert rows.loc["easy-0002", "reason"].endswith("(the program ended with exit code 139)")
    assert rows.loc["easy-0001", "seconds"] == 2.25
    assert problems()["times.tsv"] == "this line is not understood: nonsense"


def test_seconds_of_the_job_are_divided_and_memory_is_taken_over(tmp_path):
    (tmp_path / "job.tsv").write_text("s\th:m:s\tmax_rss\tmax_vms\n30.0000\t0:00:30\t512.50\t-\n")
    (OUTPUTS / "times.tsv").write_text("easy-0001\t10\t12\n")
    rows = collect(benchmark="job.tsv")
    assert rows["seconds"].to_list() == [2.0] + [30 / COUNT] * (COUNT - 1)
    assert rows["batch_size"].to_list() == [1] + [COUNT] * (COUNT - 1)
    assert (rows["peak_memory_mb"] == 512.5).all()
    (tmp_path / "job.tsv").write_text("s\th:m:s\tmax_rss\n0.1\t0:00:00\tNA\n")
    assert collect(benchmark="job.tsv")["peak_memory_mb"].isna().all()
    assert collect(benchmark="nowhere.tsv")["seconds"].isna().to_list() == [False] + [True] * (COUNT - 1)


def test_files_that_belong_to_no_tuple_are_named(caplog):
    write_png(np.zeros((SIZE, SIZE, 3), np.uint8), OUTPUTS / "easy-0099.png")
    (OUTPUTS / ".hidden").touch()
    with caplog.at_level("WARNING"):
        rows = collect()
    assert (rows["status"] == "ok").all()
    assert problems() == {"easy-0099.png": "it is the result of no tuple"}
    assert "easy-0099.png" in caplog.text


def test_results_of_other_portraits_do_not_count():
    table = read_table("portraits.parquet")
    table.loc[table["portrait_id"] == "p2", "sha256"] = "0" * 64
    write_table(table, "portraits.parquet")
    rows = collect()
    involved = (rows[["identity", "structure", "appearance"]] == "p2").any(axis=1)
    assert (rows["status"].eq("failed") == involved).all()
    assert rows["status"].eq("failed").sum() == 2
    assert "other portraits" in rows.loc["easy-0002", "reason"]


def test_results_of_another_version_do_not_count():
    collect()
    assert collect(version=2)["reason"].str.contains("another version").all()


def test_results_without_their_list_are_refused():
    (OUTPUTS / "triples.tsv").unlink()
    with pytest.raises(UserError) as error:
        collect()
    assert "triples.tsv" in refusal(error)


def test_tuple_that_the_program_was_not_given_is_a_failure():
    lines = (INPUTS / "triples.tsv").read_text().splitlines(keepends=True)
    (OUTPUTS / "triples.tsv").write_text("".join(lines[1:]))
    rows = collect()
    assert rows.loc["easy-0001", "status"] == "failed"
    assert "not in the list" in rows.loc["easy-0001", "reason"]


def test_finished_results_outlive_their_files():
    (OUTPUTS / "easy-0004.png").unlink()
    before = collect()
    assert export() == 1
    run_program()
    after = collect()
    assert (after["status"] == "ok").all()
    kept, facts = before.drop("easy-0004").index, ["portrait", "fingerprint", "status", "settings_hash"]
    assert after.loc[kept, facts].equals(before.loc[kept, facts])


def test_results_of_another_size_are_brought_to_that_of_the_transfers():
    export(size=96)
    run_program()
    rows = collect(size=96)
    assert (rows["status"] == "ok").all()
    assert {picture(path).shape for path in rows["portrait"]} == {(SIZE, SIZE, 3)}


def test_results_may_be_named_after_the_portraits():
    for number, tuple_id in enumerate(IDS):
        (OUTPUTS / f"{tuple_id}.png").rename(OUTPUTS / f"p{number}_p{number + 1}_p0_realistic.png")
    rows = collect(result_name="{identity}_{structure}_{appearance}_realistic.png")
    assert (rows["status"] == "ok").all()
    assert problems() == {}


def test_a_collection_that_is_killed_is_repeated_safely(monkeypatch):
    whole = collect()
    images = {path.name: path.read_bytes() for path in (FOLDER / "portraits").iterdir()}
    child = os.fork()
    if child == 0:
        write = ResultFolder.write

        def killed(self, row, fingerprint):
            if row["tuple_id"] == "easy-0003":
                os.kill(os.getpid(), signal.SIGKILL)
            write(self, row, fingerprint)

        ResultFolder.write = killed
        collect()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not (FOLDER / "rows" / "easy-0003.json").exists()
    assert collect().equals(whole)
    assert {path.name: path.read_bytes() for path in (FOLDER / "portraits").iterdir()} == images
