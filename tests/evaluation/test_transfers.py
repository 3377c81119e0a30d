"""Tuples by Table 1, true answers, and scores of transfers whose quality is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from oracles import Oracle
from small_networks import small_networks

from loho_bench.evaluation.transfers import (
    TransferScore,
    score_transfers,
    summarize_transfers,
    true_answers,
)
from loho_bench.methods.protocol import Resources, Transfer
from loho_bench.networks.graphonomy import HAIR
from loho_bench.portraits.images import to_tensor
from loho_bench.training.tuples import ChosenTuple, make_batch


def test_true_answer_of_one_portrait_thrice_is_that_portrait(portraits):
    answer = true_answers(portraits, [ChosenTuple("easy", 3, 3, 3)])[0]
    assert np.array_equal(answer.image, portraits.images[3])


@pytest.fixture(scope="module")
def hairy(portraits):
    return np.flatnonzero((portraits.labels == HAIR).mean((1, 2)) > 0.2)


def score(portraits, tuples, images, labels):
    """Score ``images`` (uint8), in which the parser sees ``labels``."""
    resources = Resources(*small_networks(), Oracle(images, labels), torch.device("cpu"))
    shown = to_tensor(images)
    transfer = Transfer(images=shown, foreground=shown, foreground_mask=torch.ones(len(shown), 1, 128, 128))
    batch = make_batch(portraits, tuples, seed=0)
    return score_transfers(transfer, batch, tuples, true_answers(portraits, tuples), resources)


def test_perfect_transfers_have_the_scores_of_perfect_transfers(portraits, hairy):
    tuples = [ChosenTuple("easy", int(i), int(i), int(i)) for i in hairy[:2]]
    images, labels = portraits.images[hairy[:2]], portraits.labels[hairy[:2]]
    for found in score(portraits, tuples, images, labels):
        assert (found.hair_iou, found.true_hair_iou, found.colour_error) == (1, 1, 0)
        assert found.true_lpips == pytest.approx(0, abs=1e-6)


def test_scores_tell_a_transfer_that_did_nothing(portraits, hairy):
    identity, structure, appearance = (int(i) for i in hairy[:3])
    tuples = [ChosenTuple("easy", identity, structure, appearance)]
    (found,) = score(portraits, tuples, portraits.images[[identity]], portraits.labels[[identity]])
    first, second = (portraits.labels[i] == HAIR for i in (identity, structure))
    assert found.hair_iou == pytest.approx((first & second).sum() / (first | second).sum())
    means = [portraits.images[i][portraits.labels[i] == HAIR].mean(0) for i in (identity, appearance)]
    assert found.colour_error == pytest.approx(np.abs(means[0] - means[1]).mean())
    assert found.true_lpips > 0


def test_results_without_hair_are_counted_and_have_no_colour(portraits, hairy):
    i = int(hairy[0])
    blank = np.zeros_like(portraits.labels[[i]])
    scores = score(portraits, [ChosenTuple("easy", i, i, i)], portraits.images[[i]], blank)
    found = summarize_transfers([*scores, TransferScore("medium", 0.9, 0.8, 10.0, 0.1)])
    assert found["transfer_hair_iou"] == pytest.approx(0.45)
    assert found["transfer_colour_error"] == pytest.approx(10)
    assert found["transfer_without_hair"] == 1
    assert found["transfer_tuples"] == {"easy": 1, "medium": 1, "difficult": 0}
    assert summarize_transfers(scores)["transfer_colour_error"] is None
