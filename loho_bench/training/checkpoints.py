"""A training that can be killed: its state in one side file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from loho_bench.progress import get_logger
from loho_bench.storage import atomic_path


class Checkpoint:
    """Saves and restores everything that has a ``state_dict``, together with the step reached."""

    def __init__(self, path: str | Path, **parts: Any):
        self.path = Path(path)
        self.parts = parts

    def save(self, step: int) -> None:
        """Write the state after ``step`` steps, atomically."""
        state = {name: part.state_dict() for name, part in self.parts.items()}
        with atomic_path(self.path) as temporary:
            torch.save({"step": step, "random": torch.get_rng_state(), **state}, temporary)

    def restore(self) -> int:
        """Load the last state and return its step, or 0 where there is none."""
        if not self.path.is_file():
            return 0
        state = torch.load(self.path, weights_only=True)
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        torch.set_rng_state(state["random"])
        get_logger("training").info("going on from step %d of %s", state["step"], self.path)
        return state["step"]

    def remove(self) -> None:
        """Delete the file: the training is over."""
        self.path.unlink(missing_ok=True)
