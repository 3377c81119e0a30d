"""Checkpoints that hold one network and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loho_bench.weights.reading.checkpoints import read_checkpoint
from loho_bench.weights.reading.file_kinds import refusal


def read_state_dict(path: str | Path) -> dict[str, Any]:
    """Return the tensors of a checkpoint by name; values are looked at only when they are loaded.

    Raises
    ------
    UserError
        What :func:`read_checkpoint` raises, or the file holds something else than values by name.
    """
    content = read_checkpoint(path)
    if not isinstance(content, Mapping) or not all(isinstance(name, str) for name in content):
        cause = f"it holds a {type(content).__name__}, not tensors by name"
        raise refusal(path, cause, "give the network's state dict")
    return dict(content)
