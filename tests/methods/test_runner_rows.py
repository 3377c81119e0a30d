"""A method on a shard of tuples: its rows, and the files that they name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from runner_world import COUNT, IDS, MEASURED, OUT, SIZE, Mix, contents, forget, install, run

from loho_bench.methods.protocol import Transfer, TupleBatch
from loho_bench.provenance import derive_seed


def test_rows_are_complete(world):
    rows = run(seed=4)
    assert list(rows["tuple_id"]) == IDS
    assert set(rows["status"]) == {"ok"}
    assert set(rows["reason"]) == {""}
    assert set(rows["method"]) == {"mix"}
    assert set(rows["category"]) == {"easy"}
    roles = ["identity", "structure", "appearance"]
    assert rows[roles].to_numpy().tolist() == [[f"p{i}", f"p{i + 1}", "p0"] for i in range(COUNT)]
    assert list(rows["seed"]) == [derive_seed(i, "mix", 4) for i in IDS]
    assert set(rows["precision"]) == {"float32"}
    assert set(rows["resolution"]) == {SIZE}
    assert rows["device"].str.fullmatch(r".+, \d+ CPUs?").all()
    assert set(rows["weights_hash"]) == {"feedbeef0123"}
    assert rows["settings_hash"].nunique() == 1
    assert rows["fingerprint"].nunique() == COUNT
    assert list(rows["batch_size"]) == [2, 2, 2, 2, 1]
    assert (rows["seconds"] > 0).all()
    assert rows["peak_memory_mb"].between(50, 100_000).all()
    assert json.loads(rows["versions"][0])["torch"] == torch.__version__
    for name, folder, suffix in (
        ("portrait", "portraits", "png"),
        ("latents", "latents", "npz"),
        ("trace", "traces", "parquet"),
    ):
        assert list(rows[name]) == [f"results/mix/{folder}/{i}.{suffix}" for i in IDS]


def test_files_hold_what_the_method_gave(world):
    rows = run()
    images = [
        np.asarray(Image.open(f"portraits/p{i}.png")).astype(float) / 127.5 - 1 for i in range(COUNT + 1)
    ]
    for i, row in rows.iterrows():
        noise = row["seed"] % 1000 / 1e4
        mixed = 0.45 * (images[i] + images[i + 1])
        found = np.asarray(Image.open(row["portrait"])).astype(float)
        np.testing.assert_allclose(found, (mixed + noise + 1) * 127.5, atol=0.51)
        kept = np.load(row["latents"])
        np.testing.assert_allclose(kept["latents"], np.full((4, 6), noise), rtol=1e-6)
        np.testing.assert_array_equal(kept["mean"], np.arange(6))
        trace = pd.read_parquet(row["trace"])
        assert list(trace["step"]) == [0, 1, 2]
        np.testing.assert_allclose(trace["face"], [noise, noise / 2, noise / 4], rtol=1e-6)
        np.testing.assert_allclose(trace["hair_iou"], [np.nan, noise, noise + 0.5], rtol=1e-6)
        assert row["hair_iou"] == pytest.approx(noise + 0.5)


def test_the_batch_size_changes_no_result(world):
    first = run(batch_size=2).drop(columns=MEASURED)
    written = contents()
    elsewhere = Path("again/mix/tuples-0000.parquet")
    second = run(batch_size=3, out=elsewhere).drop(columns=MEASURED)
    paths = ["portrait", "latents", "trace"]
    pd.testing.assert_frame_equal(first.drop(columns=paths), second.drop(columns=paths))
    for path, content in written.items():
        if path.endswith("png"):
            assert Path(path.replace("results", "again")).read_bytes() == content


def test_shards_share_out_the_tuples(world, monkeypatch):
    built = install(monkeypatch.setattr)
    for shard in range(3):
        rows = run(shard, OUT.with_name(f"tuples-{shard:04d}.parquet"), shard_size=2)
        assert list(rows["tuple_id"]) == IDS[2 * shard : 2 * shard + 2]
    assert [method.seen for method in built] == [IDS[:2], IDS[2:4], IDS[4:]]


def test_a_shard_beyond_the_end_is_an_empty_table(world, monkeypatch):
    full = run()
    built = install(monkeypatch.setattr)
    beyond = OUT.with_name("tuples-0007.parquet")
    empty = run(shard=7, out=beyond)
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)
    assert built == []
    assert list(pd.concat([full, empty], ignore_index=True)["tuple_id"]) == IDS


def test_a_method_without_latents_and_traces(world, monkeypatch):
    class Plain(Mix):
        def transfer(self, batch: TupleBatch) -> Transfer:
            given = super().transfer(batch)
            return Transfer(given.images, given.foreground, given.foreground_mask)

    install(monkeypatch.setattr, method=Plain)
    rows = run()
    assert set(rows["status"]) == {"ok"}
    assert rows[["latents", "trace", "hair_iou"]].isna().all(axis=None)
    built = install(monkeypatch.setattr)
    run()
    assert built == []


def test_a_method_that_takes_one_result_out_of_several(world, monkeypatch):
    """The runner selects a lone tuple from two of the same: nothing of the transfer may get lost."""

    class Paired(Mix):
        def transfer(self, batch: TupleBatch) -> Transfer:
            given = super().transfer(batch)
            return given.select(list(range(len(batch))))

    expected, files = run().drop(columns=MEASURED), contents()
    forget()
    install(monkeypatch.setattr, method=Paired)
    pd.testing.assert_frame_equal(run().drop(columns=MEASURED), expected)
    assert set(contents()) == set(files)
