"""A training that can be killed: its state in one side file, named by what decides the result."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from loho_bench.portraits.synthetic.version import renderer_hash
from loho_bench.progress import get_logger
from loho_bench.provenance import stable_hash
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
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        torch.set_rng_state(state["random"])
        get_logger("training").info("going on from step %d of %s", state["step"], self.path)
        return state["step"]

    def remove(self) -> None:
        """Delete the file: the training is over."""
        self.path.unlink(missing_ok=True)


class Checkpoints:
    """The side files that the training of one network opens.

    The training opens them; who has saved the network removes them. A training killed in between goes on
    from its last step.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self._opened: list[Checkpoint] = []

    def open(self, name: str, settings: Mapping[str, Any], **parts: Any) -> Checkpoint:
        """Return the checkpoint of one training.

        Parameters
        ----------
        name : str
            Of the network; the side file is ``folder/NAME-HASH.pt``.
        settings : mapping
            All that decides the result. The hash is made from it and from the renderer: a side file of other
            settings, or of portraits drawn otherwise, is left alone.
        **parts
            What has a ``state_dict`` and changes while training.
        """
        digest = stable_hash({**settings, "renderer": renderer_hash()})
        checkpoint = Checkpoint(self.folder / f"{name}-{digest}.pt", **parts)
        self._opened.append(checkpoint)
        return checkpoint

    def remove(self) -> None:
        """Delete the files that were opened: what the training made is saved."""
        for checkpoint in self._opened:
            checkpoint.remove()


def weights_digest(network: nn.Module) -> str:
    """Return a digest of a network's weights: part of what decides a training that uses it."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
