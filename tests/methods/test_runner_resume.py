"""A run that goes on: what is kept after a kill or a change, and what is computed again."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from runner_world import IDS, MEASURED, MIX_JOBS, OUT, SIZE, contents, forget, images, install, on, run

from loho_bench.methods import results, runner
from loho_bench.methods.protocol import TupleBatch
from loho_bench.storage import file_sha256, write_png, write_table


def once(incident):
    """``incident``, but only the first time that it would happen."""
    happened = []

    def wrapped(batch: TupleBatch) -> None:
        if not happened:
            try:
                incident(batch)
            except BaseException:
                happened.append(True)
                raise

    return wrapped


def test_a_finished_shard_is_not_computed_again(world, monkeypatch):
    first = run()
    OUT.unlink()
    built = install(monkeypatch.setattr)
    pd.testing.assert_frame_equal(run(), first)
    assert built == []


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_run_goes_on_and_ends_like_an_uninterrupted_one(world, monkeypatch, end):
    expected, files, pictures = run().drop(columns=MEASURED), contents(), images()
    forget()

    built = install(monkeypatch.setattr, once(on("easy-0003", end())))
    with pytest.raises(end):
        run()
    assert not OUT.exists()
    assert sorted(os.listdir(OUT.parent / "rows")) == ["easy-0001.json", "easy-0002.json"]
    found = run().drop(columns=MEASURED)
    assert [method.seen for method in built] == [IDS[:4], IDS[2:]]
    pd.testing.assert_frame_equal(found, expected)
    assert images() == pictures
    assert set(contents()) == set(files)


def test_a_killed_process_loses_at_most_its_batch(world, monkeypatch):
    script = """
        import os, signal, sys
        sys.path.insert(0, sys.argv[1])
        import runner_world

        def kill(batch):
            if "easy-0005" in batch.tuple_ids:
                os.kill(os.getpid(), signal.SIGKILL)

        runner_world.install(setattr, kill)
        runner_world.run()
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(Path(__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": str(Path(runner.__file__).parents[2])}
    assert subprocess.run(command, check=False, env=environment).returncode == -9
    assert not OUT.exists()
    before = contents()
    built = install(monkeypatch.setattr)
    rows = run()
    assert built[0].seen == IDS[4:]
    assert set(rows["status"]) == {"ok"}
    assert before.items() <= contents().items()


def test_a_row_never_vouches_for_the_files_of_other_settings(world, monkeypatch):
    """Killed between its images and its row, a run with new settings must not pass for the old one."""
    run()
    pictures = images()

    def die(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(results, "write_json", die)
        with pytest.raises(KeyboardInterrupt):
            run(methods={"mix": {"share": 1.0}})
    assert images() != pictures
    run()
    assert images() == pictures


@pytest.mark.parametrize(
    "groups", [{"methods": {"mix": {"share": 0.25}}}, {"seed": 1}], ids=["settings", "seed"]
)
def test_new_settings_redo_everything(world, monkeypatch, groups):
    first = run()
    built = install(monkeypatch.setattr)
    second = run(**groups)
    assert built[0].seen == IDS
    assert (first["fingerprint"] != second["fingerprint"]).all()
    assert (first["settings_hash"] != second["settings_hash"]).all() == ("methods" in groups)


def test_new_weights_redo_everything(world, monkeypatch):
    run()
    built = install(monkeypatch.setattr)
    monkeypatch.setattr(runner, "weights_hash", lambda *names: "another")
    assert set(run()["weights_hash"]) == {"another"}
    assert built[0].seen == IDS


def test_the_weights_are_those_that_transfers_use(world, monkeypatch):
    asked = []
    monkeypatch.setattr(runner, "weights_hash", lambda settings, *jobs: asked.append(jobs) or "some")
    run()
    assert asked == [MIX_JOBS]


def test_a_new_release_redoes_everything(world, monkeypatch):
    first = run()
    built = install(monkeypatch.setattr)
    monkeypatch.setattr(results, "__version__", "99.0")
    second = run()
    assert built[0].seen == IDS
    assert (first["fingerprint"] != second["fingerprint"]).all()


def test_settings_of_other_methods_and_of_the_batch_redo_nothing(world, monkeypatch):
    run()
    built = install(monkeypatch.setattr)
    run(batch_size=4, methods={"another": {"share": 3}}, tuples={"per_category": 7})
    assert built == []


def test_a_new_portrait_redoes_its_tuples_alone(world, monkeypatch):
    run()
    write_png(np.zeros((SIZE, SIZE, 3), np.uint8), "portraits/p3.png")
    table = pd.read_parquet("portraits.parquet")
    table.loc[3, "sha256"] = file_sha256("portraits/p3.png")
    write_table(table, "portraits.parquet")
    built = install(monkeypatch.setattr)
    run()
    assert built[0].seen == ["easy-0003", "easy-0004"]


@pytest.mark.parametrize("name", ["portraits/{}.png", "latents/{}.npz", "traces/{}.parquet"])
def test_a_result_that_is_gone_is_made_again(world, monkeypatch, name):
    run()
    path = OUT.parent / name.format("easy-0002")
    path.unlink()
    built = install(monkeypatch.setattr)
    run()
    assert built[0].seen == ["easy-0002"]
    assert path.is_file()
