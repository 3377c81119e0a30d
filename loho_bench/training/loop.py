"""Descent for a fixed number of steps: one-cycle schedule, progress lines, and a side file to go on from."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from loho_bench.progress import get_logger, track
from loho_bench.training.checkpoints import Checkpoints

_LOGGED_EVERY = 50
_SAVED_EVERY_SECONDS = 60.0
_WEIGHT_DECAY = 1e-4
_RISING_SHARE = 0.05


class Stopwatch:
    """Seconds that a training took, over all its interrupted parts."""

    def __init__(self) -> None:
        self._before, self._started = 0.0, time.monotonic()

    def seconds(self) -> float:
        """Return the seconds so far."""
        return self._before + time.monotonic() - self._started

    def state_dict(self) -> dict[str, float]:
        """Return the seconds so far, to be kept."""
        return {"seconds": self.seconds()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Go on from the seconds that were kept."""
        self._before, self._started = state["seconds"], time.monotonic()


def descend(
    network: nn.Module,
    loss: Callable[[int], Tensor],
    *,
    name: str,
    steps: int,
    learning_rate: float,
    checkpoints: Checkpoints,
    settings: Mapping[str, Any],
) -> float:
    """Train ``network`` in place and freeze it; a killed training goes on where it last saved, with the same
    result.

    Parameters
    ----------
    network : Module
    loss : callable
        Gives the loss of the step whose number (from 0) it is called with. For an interrupted training to end
        like an uninterrupted one, it depends on that number and the network alone.
    name : str
        Of the network, in log lines and in the side file's name.
    steps : int
    learning_rate : float
        The highest; it rises to it over a twentieth of the steps and falls to nearly 0.
    checkpoints : Checkpoints
        Keeps the state of an unfinished training.
    settings : mapping
        All else that decides the result.

    Returns
    -------
    float
        Seconds, those before an interruption included.
    """
    log, watch = get_logger(f"training.{name}"), Stopwatch()
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=steps, pct_start=_RISING_SHARE
    )
    decisive = {**settings, "steps": steps, "learning_rate": learning_rate}
    checkpoint = checkpoints.open(
        name, decisive, network=network, optimizer=optimizer, schedule=schedule, watch=watch
    )
    start = checkpoint.restore()
    saved = time.monotonic()
    network.train()
    for step in track(range(start, steps), f"training {name}"):
        value = loss(step)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        schedule.step()
        done = step + 1
        if done % _LOGGED_EVERY == 0 or done == steps:
            log.info("step %d of %d: loss %.4f, %.0f s", done, steps, value.item(), watch.seconds())
        if done == steps or time.monotonic() - saved > _SAVED_EVERY_SECONDS:
            checkpoint.save(done)
            saved = time.monotonic()
    network.eval().requires_grad_(False)
    return watch.seconds()
