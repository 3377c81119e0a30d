"""Is this the published file? Size, hash, and the pages that servers send in its place."""

from __future__ import annotations

import re
from pathlib import Path

from loho_bench.weights.published.ledger import LOCK_NAME
from loho_bench.weights.published.manifest import WeightFile

HEAD_BYTES = 4096


def find_problem(path: str | Path, file: WeightFile, sha256: str, recorded: str | None) -> str:
    """Say what is wrong with the file at ``path``, or return an empty string.

    Parameters
    ----------
    path : str or Path
    file : WeightFile
        What it should be.
    sha256 : str
        Its SHA-256 in hexadecimal.
    recorded : str or None
        SHA-256 of the file when it was first seen; it counts where its authors publish none.
    """
    size = Path(path).stat().st_size
    if size == 0:
        return "it is empty"
    with Path(path).open("rb") as stream:
        if found := recognise_text(stream.read(HEAD_BYTES)):
            return f"it is {found}"
    differs = file.size is not None and size != file.size
    lengths = f"it has {size} bytes instead of {file.size}"
    if file.sha256 and sha256 != file.sha256:
        return lengths if differs else f"its SHA-256 is {sha256}, published is {file.sha256}"
    if file.sha256_prefix and not sha256.startswith(file.sha256_prefix):
        return lengths if differs else f"its SHA-256 is {sha256}, published is {file.sha256_prefix}..."
    if not file.sha256 and not file.sha256_prefix and differs:
        return lengths
    if not file.sha256 and recorded and sha256 != recorded:
        return f"its SHA-256 is {sha256}, but {recorded} when first seen ({LOCK_NAME})"
    return ""


def recognise_text(head: bytes) -> str:
    """Return what a server sent instead of a network, or an empty string.

    Parameters
    ----------
    head : bytes
        The beginning of a file.
    """
    beginning = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:HEAD_BYTES]
    if beginning.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file that it points to"
    if not re.match(rb"<(!doctype|html|head|\?xml)", beginning, re.IGNORECASE):
        return ""
    title = re.search(rb"<title[^>]*>(.*?)</title>", beginning, re.IGNORECASE | re.DOTALL)
    words = " ".join(title[1].decode("utf-8", "replace").split())[:80] if title else ""
    return f"a web page ('{words}'), not a network" if words else "a web page, not a network"
