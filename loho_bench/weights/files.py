"""A network on disk: safetensors with the constructor's arguments inside, and a card beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from loho_bench.errors import UserError
from loho_bench.storage import atomic_path, file_sha256, write_json


def save_network(
    path: str | Path, state_dict: dict[str, Tensor], config: dict[str, Any], card: dict[str, Any]
) -> None:
    """Write weights and their card.

    Parameters
    ----------
    path : str or Path
        The ``.safetensors`` file; the card goes beside it with the suffix ``.json``.
    state_dict : dict of Tensor
    config : dict
        Arguments that rebuild the network, kept in the file's own metadata.
    card : dict
        Command, seed, data, time and held-out quality; the file's SHA-256 is added.
    """
    path = Path(path)
    tensors = {name: value.detach().cpu().contiguous() for name, value in state_dict.items()}
    with atomic_path(path) as temporary:
        # Written by Python: safetensors' own writer would hide what a full disk says.
        temporary.write_bytes(save(tensors, metadata={"config": json.dumps(config, sort_keys=True)}))
    write_json({**card, "sha256": file_sha256(path)}, path.with_suffix(".json"))


def read_network(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return ``(state_dict, config)`` of a file that :func:`save_network` wrote.

    Raises
    ------
    UserError
        The file is missing, broken, or carries no configuration.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f"cannot load the weights {path}",
            cause="there is no such file",
            remedy="reinstall the package, or make the file with 'loho-bench train'",
        )
    try:
        with safe_open(path, framework="pt") as stream:
            config = json.loads((stream.metadata() or {}).get("config", "null"))
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError) as error:
        raise UserError(
            f"cannot load the weights {path}",
            cause=f"not a whole safetensors file: {error}",
            remedy="restore the file, or make it again with 'loho-bench train'",
        ) from error
    if config is None:
        raise UserError(
            f"cannot load the weights {path}",
            cause="the file says nothing about its network (no 'config' in its metadata)",
            remedy="use a file that 'loho-bench train' wrote",
        )
    return tensors, config
