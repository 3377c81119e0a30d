"""The true answer as a method."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from loho_bench.methods.answer import SPEC, TrueAnswer
from loho_bench.methods.protocol import Resources

NOTHING = Resources(None, None, None, torch.device("cpu"))


def test_it_gives_the_answer_back_without_any_network(batch):
    answer = torch.rand(batch.identity.shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
    found = TrueAnswer(SPEC.configure(), NOTHING).transfer(dataclasses.replace(batch, answer=answer))
    assert torch.equal(found.images, answer)
    assert torch.equal(found.select([1]).foreground_mask, torch.ones(1, 1, *answer.shape[2:]))
    assert SPEC.role == "ceiling"
    assert "answer" in SPEC.needs
    assert SPEC.jobs == ()


def test_without_an_answer_it_says_so(batch):
    with pytest.raises(ValueError, match="true answers"):
        TrueAnswer(SPEC.configure(), NOTHING).transfer(batch)
