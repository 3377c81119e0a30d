"""The parts that an optimisation with accelerations is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from loho_bench.settings.loho import LohoFastSettings


@dataclass(frozen=True)
class Phase:
    """Iterations ``first`` to ``end`` (exclusive) of LOHO's schedule, which all see the same losses.

    Attributes
    ----------
    first, end : int
        A tuple that leaves early goes on with the first iteration of the next phase.
    transfers : bool
        Whether it belongs to stage 2.
    coarse : bool
        Whether images are small.
    ends_stage : bool
        Whether a tuple that leaves it has finished its stage.
    window : int
        Iterations between two looks for a plateau; 0 where none may end the phase.
    """

    first: int
    end: int
    transfers: bool
    coarse: bool
    ends_stage: bool
    window: int


def phases(settings: LohoFastSettings) -> list[Phase]:
    """Divide the schedule of ``settings`` into phases, none of them empty.

    A stage has a coarse and a fine phase. The last phase is the fall of the learning rate: nobody skips it,
    so that every search ends at a small rate, however early it found a plateau.
    """
    one, two, steps = settings.steps_stage_one, settings.steps_stage_two, settings.steps
    coarse, stop = settings.coarse_to_fine, settings.early_stop
    window_one, window_two = (
        max(1, round(stop.window * length)) if stop.tolerance else 0 for length in (one, two)
    )
    last = steps - min(two, 1)
    small_one, small_two = round(coarse.stage_one * one), min(one + round(coarse.stage_two * two), last)
    fall = min(max(small_two, math.ceil(steps * (1 - settings.rampdown))), last)
    divided = (
        Phase(0, small_one, transfers=False, coarse=True, ends_stage=False, window=window_one),
        Phase(small_one, one, transfers=False, coarse=False, ends_stage=True, window=window_one),
        Phase(one, small_two, transfers=True, coarse=True, ends_stage=False, window=window_two),
        Phase(small_two, fall, transfers=True, coarse=False, ends_stage=False, window=window_two),
        Phase(fall, steps, transfers=True, coarse=False, ends_stage=True, window=0),
    )
    return [phase for phase in divided if phase.first < phase.end]
