"""Where a number comes from: seeds from names, hashes of settings, versions of packages."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import loho_bench

_RECORDED_PACKAGES = ("torch", "numpy", "scipy", "clean-fid", "opencv-python-headless", "pillow")


def derive_seed(*parts: str | int) -> int:
    """Return a seed in [0, 2**63) that depends on ``parts`` alone.

    Seeds made from names (tuple, method, run seed) do not move with the order of work, the batch
    or the machine.
    """
    text = json.dumps([str(part) for part in parts])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stable_hash(value: Any) -> str:
    """Return twelve hexadecimal digits that change when the JSON form of ``value`` does."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def versions() -> dict[str, str]:
    """Return the versions that a result depends on, by package name."""
    found = {"loho_bench": loho_bench.__version__, "python": platform.python_version()}
    for package in _RECORDED_PACKAGES:
        found[package] = metadata.version(package)
    return found


def checkout_commit(folder: str | Path) -> str | None:
    """Return the commit that is checked out in ``folder``, in hexadecimal digits, or None.

    Reads git's own files, so that git need not be installed; changes that were not committed are not seen.
    None where ``folder`` is no checkout's top folder, has no commit yet, or cannot be read.
    """
    try:
        git = Path(folder) / ".git"
        if git.is_file():  # a linked working tree: the file names the folder
            git = (Path(folder) / git.read_text().removeprefix("gitdir:").strip()).resolve()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref:"):
            return _full_hash(head)
        return _commit_of_branch(git, head.removeprefix("ref:").strip())
    except (OSError, UnicodeDecodeError):
        return None


def _commit_of_branch(git: Path, branch: str) -> str | None:
    shared = git / "commondir"  # linked working trees keep branches in that of the first one
    common = (git / shared.read_text().strip()).resolve() if shared.is_file() else git
    for holder in (git, common):
        if (holder / branch).is_file():
            return _full_hash((holder / branch).read_text().strip())
    packed = common / "packed-refs"
    for line in packed.read_text().splitlines() if packed.is_file() else ():
        if line.endswith(f" {branch}"):
            return _full_hash(line.split()[0])
    return None


def _full_hash(text: str) -> str | None:
    return text if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text) else None
