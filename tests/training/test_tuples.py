"""Tuples drawn by Table 1 from portraits whose masks are exact, and the batches of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from refusals import refusal

from loho_bench.errors import UserError
from loho_bench.evaluation.world import first_portraits
from loho_bench.networks.graphonomy import FACE, HAIR
from loho_bench.settings.project import TupleSettings
from loho_bench.training.tuples import ChosenTuple, choose_tuples, make_batch

TABLE_1 = {"easy": (0.8, 1.0, 0, 2), "medium": (0.7, 0.8, 2, 4), "difficult": (0.6, 0.7, 4, 5)}
"""Face IoU above and up to, pose distance in pixels from and below."""


def test_tuples_keep_to_table_1(portraits):
    settings = TupleSettings(reading="strict")
    chosen = choose_tuples(portraits, settings, 2, seed=0)
    assert chosen == choose_tuples(portraits, settings, 2, seed=0)
    for drawn in chosen:
        ids = [drawn.identity, drawn.structure, drawn.appearance]
        assert len(set(ids)) == 3
        assert all((portraits.labels[i] == HAIR).mean() >= settings.minimum_hair_fraction for i in ids)
        first, second = (portraits.labels[i] == FACE for i in ids[:2])
        iou = (first & second).sum() / (first | second).sum()
        gap = portraits.landmarks[ids[0]].astype(float) - portraits.landmarks[ids[1]]
        low, high, near, far = TABLE_1[drawn.category]
        assert low < iou <= high
        assert near <= 128 * np.hypot(*gap.T).mean() < far


def test_portraits_without_a_tuple_are_refused(portraits):
    with pytest.raises(UserError) as error:
        choose_tuples(first_portraits(portraits, 4), TupleSettings(minimum_hair_fraction=0.9), 1, seed=0)
    assert "cannot draw tuples" in refusal(error)


def test_batch_holds_what_its_tuples_name(portraits):
    tuples = [ChosenTuple("easy", 1, 2, 3), ChosenTuple("easy", 4, 2, 1)]
    batch = make_batch(portraits, tuples, seed=0)
    assert torch.equal(batch.appearance, portraits.batch(np.array([3, 1])))
    assert np.array_equal(batch.structure_hair[0, 0].numpy() > 0, portraits.labels[2] == HAIR)
    assert np.array_equal(batch.identity_face[1, 0].numpy() > 0, portraits.labels[4] == FACE)
    # A tuple's seed is its own, wherever it stands, and the run's.
    assert batch.seeds[1] == make_batch(portraits, tuples[1:], seed=0).seeds[0]
    assert batch.seeds[1] != make_batch(portraits, tuples[1:], seed=1).seeds[0]
