"""Reading and writing: every write is atomic, so a killed run leaves whole files or none."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from loho_bench.errors import UserError

_DISK_REMEDIES = {
    errno.ENOSPC: "free some space, or choose another output folder",
    errno.EDQUOT: "free some of your quota, or choose another output folder",
    errno.EROFS: "choose an output folder on a file system that can be written to",
    errno.EACCES: "give yourself permission to write there, or choose another output folder",
    errno.EPERM: "give yourself permission to write there, or choose another output folder",
    errno.ENOTDIR: "a file stands where a folder is needed: move it, or choose another output folder",
    errno.EEXIST: "a file stands where a folder is needed: move it, or choose another output folder",
    errno.EISDIR: "a folder stands where a file is needed: move it, or choose another output file",
}


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` if the block succeeds.

    Raises
    ------
    UserError
        The folder cannot be written to (read-only, full, no permission).
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        with _disk_troubles_explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
            os.close(handle)
            temporary = Path(name)
            yield temporary
            # mkstemp makes private files; the result is shared like any other file the user writes.
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(path)
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(text: str, path: str | Path) -> None:
    """Write ``text`` (UTF-8) atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(value: Any, path: str | Path) -> None:
    """Write ``value`` as indented JSON with sorted keys, atomically."""
    write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", path)


def read_json(path: str | Path) -> Any:
    """Read a JSON file; a missing or broken one is a :class:`UserError`."""
    path = _existing(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a data frame atomically, as csv or Parquet by the suffix of ``path``."""
    with atomic_path(path) as temporary:
        if Path(path).suffix == ".csv":
            table.to_csv(temporary, index=False)
        else:
            table.to_parquet(temporary, index=False)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a csv or Parquet table; a missing or broken one is a :class:`UserError`."""
    path = _existing(path)
    try:
        if path.suffix == ".csv":
            # Identifiers are text: left alone, pandas would read "00018" as 18 and "NA" as missing.
            identifiers = ("portrait_id", "identity", "structure", "appearance", "tuple_id")
            types = dict.fromkeys(identifiers, str)
            return pd.read_csv(path, dtype=types, keep_default_na=False, na_values=[""])
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def read_tables(paths: Iterable[str | Path], key: str, wanted: Collection[str] | None = None) -> pd.DataFrame:
    """Read the shards ``paths``, one or more, of one table, and concatenate them in their order.

    Of a large table only the rows whose ``key`` is ``wanted`` are kept, shard by shard.

    Raises
    ------
    UserError
        One is missing or broken, or two rows have the same ``key``.
    """
    tables = {}
    for path in paths:
        part = read_table(path)
        tables[str(path)] = part if wanted is None else part[part[key].isin(wanted)]
    table = pd.concat(tables.values(), ignore_index=True)
    twice = table.loc[table[key].duplicated(), key]
    if len(twice):
        value = twice.iloc[0]
        holders = [path for path, part in tables.items() if (part[key] == value).any()]
        raise UserError(
            f"cannot use {' together with '.join(holders)}",
            cause=f"{key} '{value}' stands in more than one row; tables of different shard sizes overlap",
            remedy="give tables of one shard size, or delete these and run the step that writes them again",
        )
    return table


def shard_of(table: pd.DataFrame, shard: int | None, size: int) -> pd.DataFrame:
    """Return rows ``shard * size`` to ``(shard + 1) * size`` of ``table``, or all of them for None."""
    return table if shard is None else table.iloc[shard * size : (shard + 1) * size]


def write_png(image: np.ndarray, path: str | Path) -> None:
    """Write ``image`` (uint8, [H, W, 3] RGB or [H, W] grey) as PNG, atomically."""
    with atomic_path(path) as temporary:
        Image.fromarray(image).save(temporary, format="PNG")


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def exclusive_lock(path: str | Path) -> Iterator[None]:
    """Hold an operating-system lock on ``path``: it ends with the process, even a killed one.

    A second process waits: two runs of one piece of work never interleave.

    Raises
    ------
    UserError
        The folder of ``path`` cannot be written to.
    """
    path = Path(path)
    with _disk_troubles_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("w")
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def check_writable(folder: str | Path) -> None:
    """Make sure that files can be made in ``folder``, which is made where there is none.

    Raises
    ------
    UserError
        They cannot: it is read-only, full, or not permitted.
    """
    with _disk_troubles_explained(Path(folder)):
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


@contextmanager
def _disk_troubles_explained(path: Path) -> Iterator[None]:
    """Turn what the disk or its permissions refuse into a UserError about ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_REMEDIES:
            raise
        raise UserError(
            f"cannot write {path}", cause=str(error), remedy=_DISK_REMEDIES[error.errno]
        ) from error


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f"cannot read {path}",
            cause="there is no such file",
            remedy="run the step that writes it, or correct the path",
        )
    return path


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(
        f"cannot read {path}", cause=str(error), remedy="delete it and run the step that writes it again"
    )
