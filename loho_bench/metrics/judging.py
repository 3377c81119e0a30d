"""One finished tuple as the scores see it: its result, its portraits and masks, its true answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from loho_bench.annotation.choice import choose_parser
from loho_bench.annotation.masks import dilate, scaled_pixels
from loho_bench.methods.protocol import Parser
from loho_bench.metrics.lpips_distance import lpips_distance
from loho_bench.metrics.scoring_inputs import RunInputs, parse_masks
from loho_bench.networks.graphonomy import HAIR
from loho_bench.networks.lpips import Lpips
from loho_bench.portraits.images import to_tensor
from loho_bench.portraits.synthetic import Rendered
from loho_bench.settings.project import Settings
from loho_bench.weights.features import choose_features

MARGIN = 5  # pixels of a 256-pixel frame


@dataclass(frozen=True)
class Judges:
    """The networks that look at results: a parser for hair colour, LPIPS for the true answer."""

    parser: Parser
    lpips: Lpips

    @classmethod
    def of(cls, settings: Settings) -> Judges:
        """Load the networks that the settings name."""
        return cls(choose_parser(settings), choose_features(settings))


@dataclass(frozen=True, eq=False)
class Case:
    """One finished tuple on its way through the scores; ``row`` is the runner's."""

    row: pd.Series
    inputs: RunInputs
    judges: Judges
    result: np.ndarray

    @cached_property
    def hair(self) -> np.ndarray:
        """Hair that the parser sees in the final portrait, bool ``[S, S]``."""
        return parse_masks(self.judges.parser, self.result)[HAIR]

    @cached_property
    def answer(self) -> Rendered:
        """The true answer; only synthetic portraits have one."""
        return self.inputs.true_answer(self.row)

    def image(self, role: str) -> np.ndarray:
        """Return an input portrait, uint8 ``[S, S, 3]``."""
        return self.inputs.image(self.row[role])

    def mask(self, role: str, part: str) -> np.ndarray:
        """Return the annotated hair or face of an input portrait, bool ``[S, S]``."""
        return self.inputs.mask(self.row[role], part)

    def grown(self, mask: np.ndarray) -> np.ndarray:
        """Return a mask with a margin of :data:`MARGIN` around it."""
        margin = scaled_pixels(MARGIN, self.inputs.resolution)
        return dilate(torch.from_numpy(mask).float()[None, None], margin)[0, 0].numpy() > 0

    def trail(self, wanted: np.ndarray) -> np.ndarray:
        """Return the identity's hair that is hair still, outside a grown ``wanted``; bool ``[S, S]``."""
        return self.hair & self.mask("identity", "hair") & ~self.grown(wanted)

    def lpips(self, other: np.ndarray) -> float:
        """Return the perceptual distance of the final portrait to another picture of its size."""
        return float(lpips_distance(self.judges.lpips, to_tensor(self.result[None]), to_tensor(other[None])))
