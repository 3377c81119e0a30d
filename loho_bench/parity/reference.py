"""A folder of reference values: what its ``params.json`` says, and its files, read when asked for."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from loho_bench.errors import UserError

PARAMETERS = "params.json"


class UnusableReference(UserError):
    """The folder lacks something that it should have, or a file of it cannot be read."""


class Entries(dict):
    """A dictionary read from ``source``; a missing entry is an :class:`UnusableReference` that names it."""

    def __init__(self, values: dict, source: str) -> None:
        super().__init__(values)
        self.source = source

    def __missing__(self, name: str) -> Any:
        raise UnusableReference(
            f"cannot use {self.source}",
            cause=f"it has no entry '{name}'",
            remedy="restore the file, or give a folder that was made by the same rules",
        )


class Reference:
    """The folder and its parameters.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    UnusableReference
        There is no ``params.json``, or it is not a JSON object.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        values = self.values(PARAMETERS)
        if not isinstance(values, dict):
            raise UnusableReference(
                f"cannot use {self.folder / PARAMETERS}",
                cause="it is not a JSON object",
                remedy="give a folder whose params.json names sizes, salts and files by component",
            )
        self.params: Entries = values

    def has(self, name: str) -> bool:
        """Say whether the folder holds a file of this name (relative to it)."""
        return (self.folder / name).is_file()

    def path(self, name: str) -> Path:
        """Return the path of a file that has to be there."""
        if not self.has(name):
            raise missing_files(self.folder, [name])
        return self.folder / name

    def values(self, name: str) -> Any:
        """Read a JSON file; its objects come as :class:`Entries`."""
        path = self.path(name)
        try:
            text = path.read_text(encoding="utf-8")
            return json.loads(text, object_hook=lambda found: Entries(found, str(path)))
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error

    def tensors(self, name: str) -> Entries:
        """Read all tensors of a ``.safetensors`` file."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = self.path(name)
        try:
            return Entries(load_file(path), str(path))
        except (OSError, SafetensorError) as error:
            raise _unreadable(path, error) from error

    def arrays(self, name: str) -> Entries:
        """Read all arrays of a ``.npz`` file."""
        path = self.path(name)
        try:
            with np.load(path, allow_pickle=False) as stored:
                return Entries({key: stored[key] for key in stored.files}, str(path))
        except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
            raise _unreadable(path, error) from error


def missing_files(folder: Path, names: list[str]) -> UnusableReference:
    """Return the error that lists files by name which the folder should hold."""
    return UnusableReference(
        f"cannot use {folder}",
        cause=f"missing: {', '.join(names)}",
        remedy="give the folder of reference values itself, with every file that its params.json names",
    )


def _unreadable(path: Path, error: Exception) -> UnusableReference:
    return UnusableReference(
        f"cannot use {path}", cause=f"it cannot be read: {error}", remedy="copy the file again"
    )
