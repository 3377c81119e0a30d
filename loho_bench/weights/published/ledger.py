"""What is known of files once seen: hashes that hold ever after, and hashes that need not be taken again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loho_bench.errors import UserError
from loho_bench.storage import exclusive_lock, file_sha256, read_json, write_json

LOCK_NAME = "weights.lock.json"
MEMORY_NAME = "checked.json"


class HashLock:
    """The SHA-256 of every file of a folder for which its authors publish none, as first seen.

    Parameters
    ----------
    folder : str or Path
        Folder of the files; ``weights.lock.json`` lies in it.
    """

    def __init__(self, folder: str | Path):
        self.path = Path(folder) / LOCK_NAME

    def recorded(self, name: str) -> str | None:
        """Return the SHA-256 recorded for the file ``name`` of the manifest, or None."""
        return self._read().get(name, {}).get("sha256")

    def record(self, name: str, file: str, sha256: str, source: str) -> None:
        """Record the SHA-256 of ``file`` unless there is one already; safe beside other processes."""
        with exclusive_lock(self.path.with_name(f".{LOCK_NAME}.lock")):
            entries = self._read()
            if name not in entries:
                entries[name] = {"file": file, "sha256": sha256, "source": source}
                write_json({"format": 1, "files": entries}, self.path)

    def _read(self) -> dict[str, dict[str, str]]:
        if not self.path.is_file():
            return {}
        content = read_json(self.path)
        try:
            if all(isinstance(entry["sha256"], str) for entry in content["files"].values()):
                return content["files"]
        except (AttributeError, KeyError, TypeError):
            pass
        raise UserError(
            f"cannot read {self.path}",
            cause="it is not a record of hashes",
            remedy="restore it, or delete it if you trust the files beside it: they are recorded again",
        )


class HashMemory:
    """SHA-256 of files by path, valid while their size and time of change stay the same.

    It saves reading 300 MB at every start. Where it cannot be kept, hashes are taken anew each time.

    Parameters
    ----------
    folder : str or Path
        Folder of the user's own, made when first needed.
    """

    def __init__(self, folder: str | Path):
        self.path = Path(folder) / MEMORY_NAME

    def sha256(self, path: str | Path) -> str:
        """Return the SHA-256 of the file ``path`` in hexadecimal."""
        path = Path(path).resolve()
        now = _state(path)
        known = self._read().get(str(path), {})
        if {key: known.get(key) for key in now} == now and isinstance(known.get("sha256"), str):
            return known["sha256"]
        sha256 = file_sha256(path)
        self._remember(path, {**now, "sha256": sha256})
        return sha256

    def _remember(self, path: Path, entry: dict[str, Any]) -> None:
        try:
            with exclusive_lock(self.path.with_name(f".{MEMORY_NAME}.lock")):
                kept = {name: value for name, value in self._read().items() if Path(name).is_file()}
                write_json({**kept, str(path): entry}, self.path)
        except UserError:
            # A memory only saves time: a read-only or full home folder must not stop a run.
            pass

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            content = read_json(self.path)
        except UserError:
            return {}
        return content if isinstance(content, dict) else {}


def _state(path: Path) -> dict[str, int]:
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
