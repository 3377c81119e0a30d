"""What a file of weights really is, told from its first bytes; what it cannot be is refused in one line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from loho_bench.errors import UserError

# The format before the zip archives begins with a pickle of this number alone.
TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_HEAD_BYTES = 1024
_LONGEST_SAFETENSORS_HEADER = 100_000_000


class Kind(Enum):
    """The forms of a file that some reader here takes."""

    TORCH_ZIP = "a zip archive"
    TORCH_LEGACY = "PyTorch's format before 1.6"
    SAFETENSORS = "safetensors"
    PICKLE = "a Python pickle"


@dataclass(frozen=True)
class _Foreign:
    starts: tuple[bytes, ...]  # lower case
    what: str
    remedy: str


_FOREIGN = (
    _Foreign(
        (b"<!doctype", b"<html", b"<head", b"<?xml"),
        "this is a web page: the download asked for a confirmation or failed",
        "open the address in a browser, confirm, and save the file itself",
    ),
    _Foreign(
        (b"version https://git-lfs",),
        "this is a Git LFS pointer: the place of the file, not the file",
        "run 'git lfs pull' in the repository that it came from",
    ),
    _Foreign((b"\x1f\x8b", b"bzh", b"\xfd7zxz", b"7z\xbc\xaf", b"rar!"), "it is compressed", "unpack it"),
    _Foreign((b"\x89hdf",), "it is an HDF5 file, not PyTorch's", "give the PyTorch weights"),
)


def kind_of(path: Path) -> Kind:
    """Return the form of the file ``path``.

    Raises
    ------
    UserError
        There is no such file, it cannot be read, or it is none of the forms in :class:`Kind`.
    """
    if not path.exists():
        raise refusal(path, "there is no such file", "give the path of the checkpoint, or fetch it first")
    if not path.is_file():
        raise refusal(path, "it is a folder", "give the file inside it")
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        raise refusal(path, f"it cannot be read: {error.strerror}", "check its permissions") from error
    if not head:
        raise refusal(path, "the file is empty", "download or copy it again")
    if head.startswith(b"PK\x03\x04"):
        return Kind.TORCH_ZIP
    if head[0] == 0x80 and TORCH_MAGIC.to_bytes(10, "little") in head[:32]:
        return Kind.TORCH_LEGACY
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _LONGEST_SAFETENSORS_HEADER:
        return Kind.SAFETENSORS
    if head[0] == 0x80:
        return Kind.PICKLE
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for foreign in _FOREIGN:
        if start.startswith(foreign.starts):
            raise refusal(path, foreign.what, foreign.remedy)
    if head[257:262] == b"ustar":
        raise refusal(path, "it is a tar archive", "unpack it if it contains the checkpoint")
    if all(32 <= byte < 127 or byte in b"\t\n\r\f" for byte in head[:64]):
        quoted = head.split(b"\n")[0][:40].decode("ascii")
        raise refusal(path, f"it is a text file that begins with '{quoted}'", "give the checkpoint itself")
    raise refusal(
        path, "neither a PyTorch file nor safetensors, or it is damaged", "download or copy it again"
    )


def refusal(path: str | Path, cause: str, remedy: str) -> UserError:
    """Return the error of a file of weights that cannot be used."""
    return UserError(f"cannot load the weights {path}", cause=cause, remedy=remedy)
