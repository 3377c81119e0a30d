"""Which renderer drew a portrait: another version of it draws another portrait."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from loho_bench.provenance import stable_hash
from loho_bench.storage import file_sha256


@cache
def renderer_hash() -> str:
    """Return a short hash over the sources of the renderer."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return stable_hash([file_sha256(source) for source in sources])
