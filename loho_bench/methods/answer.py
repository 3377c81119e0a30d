"""The true answer as a method: what the renderer draws for a perfect transfer, the ceiling of every score."""

from __future__ import annotations

import torch

from loho_bench.methods.protocol import Resources, Transfer, TupleBatch
from loho_bench.methods.registry import ANSWER, MethodSpec
from loho_bench.settings.base import StrictModel


class TrueAnswer:
    """Gives back the true answer of every tuple."""

    def __init__(self, settings: StrictModel, resources: Resources) -> None:
        self.settings, self.resources = settings, resources

    def transfer(self, batch: TupleBatch) -> Transfer:
        """Return ``batch.answer``; a ValueError where the batch has none."""
        if batch.answer is None:
            raise ValueError("the batch brings no true answers")
        return Transfer(
            images=batch.answer,
            foreground=batch.answer,
            foreground_mask=torch.ones_like(batch.answer[:, :1]),
        )


SPEC = MethodSpec(
    name="true-answer",
    label="True answer",
    description="What the renderer draws for the tuple: the identity with the hair of the other two.",
    settings=StrictModel,
    build=TrueAnswer,
    needs=(ANSWER,),
    role="ceiling",
)
