"""A method on a shard of tuples: what is written, what is repeated after a kill, and what a failure costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from loho_bench.annotation.record import Annotation
from loho_bench.errors import UserError
from loho_bench.methods import runner
from loho_bench.methods.protocol import Transfer, TupleBatch
from loho_bench.methods.registry import MethodSpec, Registry
from loho_bench.provenance import derive_seed
from loho_bench.settings.base import StrictModel
from loho_bench.settings.loading import validate_settings
from loho_bench.storage import file_sha256, read_table, write_png, write_table

SIZE, COUNT = 64, 5
IDS = [f"easy-{i:04d}" for i in range(1, COUNT + 1)]
OUT = Path("results/mix/tuples-0000.parquet")
# What may differ between two runs that give the same result.
MEASURED = ["seconds", "batch_size", "peak_memory_mb"]


class MixSettings(StrictModel):
    """How much of the structure portrait a mixture takes."""

    share: float = 0.5


class Mix:
    """Mixes portraits; ``incident`` may look at every batch before and misbehave."""

    def __init__(self, settings: MixSettings, resources=None, incident=lambda batch: None) -> None:
        self.settings, self.incident = settings, incident
        self.batches: list[tuple[str, ...]] = []

    @property
    def seen(self) -> list[str]:
        return [tuple_id for batch in self.batches for tuple_id in batch]

    def transfer(self, batch: TupleBatch) -> Transfer:
        self.batches.append(batch.tuple_ids)
        self.incident(batch)
        noise = torch.tensor([seed % 1000 / 1e4 for seed in batch.seeds])
        mixed = batch.identity.lerp(batch.structure, self.settings.share) * 0.9
        mask = torch.maximum(batch.identity_hair, batch.identity_face)
        return Transfer(
            images=mixed + noise[:, None, None, None],
            foreground=mixed,
            foreground_mask=mask,
            latents=noise[:, None, None].expand(-1, 4, 6),
            latent_mean=torch.arange(6.0),
            traces={
                "face": torch.stack([noise, noise / 2, noise / 4]),
                "hair_iou": torch.stack([torch.full_like(noise, torch.nan), noise, noise + 0.5]),
            },
        )


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A run folder with five tuples of six portraits, and :class:`Mix` in place of the real methods."""
    monkeypatch.chdir(tmp_path)
    write_world()
    install(monkeypatch.setattr)
    return tmp_path


def write_world() -> None:
    rng = np.random.default_rng(3)
    portraits, notes = [], []
    for number in range(COUNT + 1):
        name, path = f"p{number}", f"portraits/p{number}.png"
        write_png(rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8), path)
        portraits.append({"portrait_id": name, "path": path, "sha256": file_sha256(path)})
        hair, face = rng.random((2, SIZE, SIZE)) < 0.3
        notes.append(Annotation(name, hair, face, np.zeros((68, 2), np.float32)).to_row())
    write_table(pd.DataFrame(portraits), "portraits.parquet")
    write_table(pd.DataFrame(notes), "annotations.parquet")
    tuples = [
        {
            "tuple_id": tuple_id,
            "identity": f"p{i}",
            "structure": f"p{i + 1}",
            "appearance": "p0",
            "category": "easy",
        }
        for i, tuple_id in enumerate(IDS)
    ]
    write_table(pd.DataFrame(tuples), "tuples.csv")


def install(set_attribute, incident=lambda batch: None) -> list[Mix]:
    """Register ``mix`` as the only method, and give it no networks; return the methods that get built."""
    built: list[Mix] = []

    def build(settings, resources):
        built.append(Mix(settings, resources, incident))
        return built[-1]

    registry = Registry()
    registry.register(MethodSpec("mix", "Mix", "a mixture", MixSettings, build))
    resources = SimpleNamespace(device=torch.device("cpu"), precision="float32")
    set_attribute(runner, "default_registry", lambda: registry)
    set_attribute(runner, "load_resources", lambda settings: resources)
    set_attribute(runner, "weights_hash", lambda: "feedbeef0123")
    return built


def run(shard: int = 0, out: Path = OUT, method: str = "mix", batch_size: int = 2, **groups) -> pd.DataFrame:
    transfer = {"resolution": SIZE, "batch_size": batch_size, "shard_size": COUNT}
    settings = validate_settings({"transfer": transfer, **groups})
    runner.run_shard(method, "tuples.csv", "portraits.parquet", ["annotations.parquet"], settings, shard, out)
    return read_table(out)


def contents() -> dict[str, bytes]:
    """Bytes of every image, latent and trace."""
    folders = [OUT.parent / name for name in ("portraits", "foreground", "latents", "traces")]
    return {str(path): path.read_bytes() for folder in folders for path in sorted(folder.glob("*"))}


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


def on(tuple_id: str, error: BaseException):
    """An incident: ``error`` whenever ``tuple_id`` is in the batch."""

    def incident(batch: TupleBatch) -> None:
        if tuple_id in batch.tuple_ids:
            raise error

    return incident


def test_rows_are_complete(world):
    rows = run(seed=4)
    assert list(rows["tuple_id"]) == IDS
    assert set(rows["status"]) == {"ok"}
    assert set(rows["reason"]) == {""}
    assert set(rows["method"]) == {"mix"}
    assert set(rows["category"]) == {"easy"}
    assert list(rows["seed"]) == [derive_seed(i, "mix", 4) for i in IDS]
    assert set(rows["precision"]) == {"float32"}
    assert set(rows["resolution"]) == {SIZE}
    assert set(rows["device"]) == {"cpu"}
    assert set(rows["weights_hash"]) == {"feedbeef0123"}
    assert rows["settings_hash"].nunique() == 1
    assert rows["fingerprint"].nunique() == COUNT
    assert list(rows["batch_size"]) == [2, 2, 2, 2, 1]
    assert (rows["seconds"] > 0).all()
    assert rows["peak_memory_mb"].between(50, 100_000).all()
    assert json.loads(rows["versions"][0])["torch"] == torch.__version__
    for name, folder, suffix in (
        ("portrait", "portraits", "png"),
        ("foreground", "foreground", "png"),
        ("latents", "latents", "npz"),
        ("trace", "traces", "parquet"),
    ):
        assert list(rows[name]) == [f"results/mix/{folder}/{i}.{suffix}" for i in IDS]


def test_files_hold_what_the_method_gave(world):
    rows = run()
    images = [
        np.asarray(Image.open(f"portraits/p{i}.png")).astype(float) / 127.5 - 1 for i in range(COUNT + 1)
    ]
    notes = pd.read_parquet("annotations.parquet")
    for i, row in rows.iterrows():
        noise = row["seed"] % 1000 / 1e4
        mixed = 0.45 * (images[i] + images[i + 1])
        found = np.asarray(Image.open(row["portrait"])).astype(float)
        np.testing.assert_allclose(found, (mixed + noise + 1) * 127.5, atol=0.51)
        note = Annotation.from_row(notes.iloc[i])
        shown = (note.hair | note.face)[:, :, None]
        found = np.asarray(Image.open(row["foreground"])).astype(float)
        np.testing.assert_allclose(found, np.where(shown, (mixed + 1) * 127.5, 127.5), atol=0.51)
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
    paths = ["portrait", "foreground", "latents", "trace"]
    pd.testing.assert_frame_equal(first.drop(columns=paths), second.drop(columns=paths))
    for path, content in written.items():
        if path.endswith("png"):
            assert Path(path.replace("results", "again")).read_bytes() == content


def test_a_finished_shard_is_not_computed_again(world, monkeypatch):
    first = run()
    OUT.unlink()
    built = install(monkeypatch.setattr)
    pd.testing.assert_frame_equal(run(), first)
    assert built == []


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_run_goes_on_and_ends_like_an_uninterrupted_one(world, monkeypatch, end):
    expected, files = run().drop(columns=MEASURED), contents()
    subprocess.run(["rm", "-r", "results"], check=True)

    built = install(monkeypatch.setattr, once(on("easy-0003", end())))
    with pytest.raises(end):
        run()
    assert not OUT.exists()
    assert sorted(os.listdir(OUT.parent / "rows")) == ["easy-0001.json", "easy-0002.json"]
    found = run().drop(columns=MEASURED)
    assert [method.seen for method in built] == [IDS[:4], IDS[2:]]
    pd.testing.assert_frame_equal(found, expected)
    assert {k: v for k, v in contents().items() if k.endswith("png")} == {
        k: v for k, v in files.items() if k.endswith("png")
    }
    assert set(contents()) == set(files)


def test_a_killed_process_loses_at_most_its_batch(world, monkeypatch):
    script = """
        import os, signal, sys
        sys.path.insert(0, sys.argv[1])
        import test_runner

        def kill(batch):
            if "easy-0005" in batch.tuple_ids:
                os.kill(os.getpid(), signal.SIGKILL)

        test_runner.install(setattr, kill)
        test_runner.run()
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(Path(__file__).parent)]
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
    files = contents()

    def die(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runner, "write_json", die)
        with pytest.raises(KeyboardInterrupt):
            run(methods={"mix": {"share": 1.0}})
    assert contents() != files
    run()
    assert {k: v for k, v in contents().items() if k.endswith("png")} == {
        k: v for k, v in files.items() if k.endswith("png")
    }


def test_a_failing_tuple_does_not_stop_the_others(world, monkeypatch):
    built = install(monkeypatch.setattr, on("easy-0004", RuntimeError("no memory left")))
    rows = run(batch_size=3)
    assert list(rows["status"]) == ["ok", "ok", "ok", "failed", "ok"]
    assert list(rows["reason"]) == ["", "", "", "no memory left", ""]
    assert rows.loc[3, ["portrait", "foreground", "latents", "trace", "hair_iou"]].isna().all()
    assert rows.loc[3, "seed"] == derive_seed("easy-0004", "mix", 0)
    assert built[0].batches == [tuple(IDS[:3]), tuple(IDS[3:]), ("easy-0004",), ("easy-0005",)]
    assert not (OUT.parent / "portraits" / "easy-0004.png").exists()


def test_a_tuple_that_failed_is_tried_again_by_the_next_run(world, monkeypatch):
    expected = run().drop(columns=MEASURED)
    subprocess.run(["rm", "-r", "results"], check=True)
    install(monkeypatch.setattr, on("easy-0002", RuntimeError("no memory left")))
    assert (run()["status"] == "failed").sum() == 1
    built = install(monkeypatch.setattr)
    pd.testing.assert_frame_equal(run().drop(columns=MEASURED), expected)
    assert built[0].seen == ["easy-0002"]


def test_an_image_that_is_not_finite_is_a_failure(world, monkeypatch):
    class Overflow(Mix):
        def transfer(self, batch: TupleBatch) -> Transfer:
            given = super().transfer(batch)
            for position, value in ((0, torch.nan), (1, torch.inf)):
                if len(batch) == 3:
                    given.images[position, 2, 5, 5] = value
            return given

    built = install(monkeypatch.setattr)
    monkeypatch.setattr(sys.modules[__name__], "Mix", Overflow)
    rows = run(batch_size=3)
    assert list(rows["status"]) == ["failed", "failed", "ok", "ok", "ok"]
    assert rows["reason"][:2].str.contains("not finite").all()
    assert built[0].batches == [tuple(IDS[:3]), tuple(IDS[3:])]
    assert not (OUT.parent / "portraits" / "easy-0001.png").exists()


def test_a_portrait_that_is_gone_fails_its_tuples_alone(world):
    Path("portraits/p1.png").unlink()
    rows = run()
    # p1 is the structure of the first tuple and the identity of the second.
    assert list(rows["status"]) == ["failed", "failed", "ok", "ok", "ok"]
    assert rows["reason"][:2].str.contains("p1.png").all()


def test_a_mistake_in_a_method_is_not_passed_off_as_a_failed_tuple(world, monkeypatch):
    install(monkeypatch.setattr, on("easy-0001", AttributeError("no such attribute")))
    with pytest.raises(AttributeError, match="no such attribute"):
        run()


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
    monkeypatch.setattr(runner, "weights_hash", lambda: "another")
    assert set(run()["weights_hash"]) == {"another"}
    assert built[0].seen == IDS


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


@pytest.mark.parametrize(
    "name", ["portraits/{}.png", "foreground/{}.png", "latents/{}.npz", "traces/{}.parquet"]
)
def test_a_result_that_is_gone_is_made_again(world, monkeypatch, name):
    run()
    path = OUT.parent / name.format("easy-0002")
    path.unlink()
    built = install(monkeypatch.setattr)
    run()
    assert built[0].seen == ["easy-0002"]
    assert path.is_file()


def test_shards_share_out_the_tuples(world, monkeypatch):
    built = install(monkeypatch.setattr)
    transfer = {"resolution": SIZE, "batch_size": 2, "shard_size": 2}
    for shard in range(3):
        out = OUT.with_name(f"tuples-{shard:04d}.parquet")
        settings = validate_settings({"transfer": transfer})
        runner.run_shard(
            "mix", "tuples.csv", "portraits.parquet", ["annotations.parquet"], settings, shard, out
        )
        assert list(read_table(out)["tuple_id"]) == IDS[2 * shard : 2 * shard + 2]
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

    monkeypatch.setattr(sys.modules[__name__], "Mix", Plain)
    rows = run()
    assert set(rows["status"]) == {"ok"}
    assert rows[["latents", "trace", "hair_iou"]].isna().all(axis=None)
    built = install(monkeypatch.setattr)
    run()
    assert built == []


def test_a_method_that_takes_one_result_out_of_several(world, monkeypatch):
    """LOHO runs a lone tuple in company and selects it: nothing of the transfer may get lost."""

    class Paired(Mix):
        def transfer(self, batch: TupleBatch) -> Transfer:
            given = super().transfer(batch)
            return given.select(list(range(len(batch))))

    expected, files = run().drop(columns=MEASURED), contents()
    subprocess.run(["rm", "-r", "results"], check=True)
    monkeypatch.setattr(sys.modules[__name__], "Mix", Paired)
    pd.testing.assert_frame_equal(run().drop(columns=MEASURED), expected)
    assert set(contents()) == set(files)


def test_an_unknown_method_names_the_nearest(world):
    with pytest.raises(UserError, match="Did you mean 'mix'"):
        run(method="mixx")
    assert not OUT.parent.exists()


def test_a_wrong_setting_of_the_method_is_named(world):
    with pytest.raises(UserError, match="share"):
        run(methods={"mix": {"sharr": 1}})


def test_an_output_folder_that_cannot_be_written_to_is_named(world):
    Path("results").write_text("a file")
    with pytest.raises(UserError, match="results") as error:
        run()
    assert error.value.remedy
