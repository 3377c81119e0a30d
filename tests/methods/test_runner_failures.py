"""What a failure costs: one tuple and no other, or the whole run with a message."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from runner_world import IDS, MEASURED, OUT, Mix, forget, install, on, run

from loho_bench.errors import UserError
from loho_bench.methods.protocol import Transfer, TupleBatch
from loho_bench.provenance import derive_seed


def test_a_failing_tuple_does_not_stop_the_others(world, monkeypatch):
    built = install(monkeypatch.setattr, on("easy-0004", RuntimeError("no memory left")))
    rows = run(batch_size=3)
    assert list(rows["status"]) == ["ok", "ok", "ok", "failed", "ok"]
    assert list(rows["reason"]) == ["", "", "", "no memory left", ""]
    assert rows.loc[3, ["portrait", "latents", "trace", "hair_iou"]].isna().all()
    assert rows.loc[3, "seed"] == derive_seed("easy-0004", "mix", 0)
    assert built[0].batches == [tuple(IDS[:3]), tuple(IDS[3:]), ("easy-0004",) * 2, ("easy-0005",) * 2]
    assert not (OUT.parent / "portraits" / "easy-0004.png").exists()


def test_a_tuple_that_failed_is_tried_again_by_the_next_run(world, monkeypatch):
    expected = run().drop(columns=MEASURED)
    forget()
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

    built = install(monkeypatch.setattr, method=Overflow)
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
