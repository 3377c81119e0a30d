"""Where a number comes from: seeds from names, hashes of settings, versions of packages."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib import metadata
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
