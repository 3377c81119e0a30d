"""One file over HTTP: resumed where it was cut off, started anew where the file has changed.

Resuming follows RFC 9110, sections 13.1.5 (If-Range) and 14 (range requests).
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loho_bench.errors import UserError
from loho_bench.progress import get_logger, track
from loho_bench.storage import read_json, write_json
from loho_bench.weights.published.verification import HEAD_BYTES, recognise_text

if TYPE_CHECKING:
    from requests import Response

_CHUNK = 1 << 16
_MIB = 1 << 20


class SourceFailedError(Exception):
    """A source does not give the file; another one may."""


class _CutOff(Exception):
    """The connection broke or the server is busy: another attempt may do better."""


@dataclass(frozen=True)
class Patience:
    """How long to try.

    Attributes
    ----------
    connect, read : float
        Seconds to wait for a connection, and for the next bytes.
    attempts : int
        Attempts in a row that bring nothing new, before giving up.
    pause : float
        Seconds before the second attempt, doubled before each further one.
    """

    connect: float = 15.0
    read: float = 60.0
    attempts: int = 4
    pause: float = 1.0


@dataclass(frozen=True)
class _Version:
    """Which bytes the part holds the beginning of."""

    url: str
    validator: str = ""
    total: int | None = None


class ResumingDownload:
    """A downloader for pooch that keeps what it has received in ``part`` until the file is whole.

    Parameters
    ----------
    part : Path
        File for the bytes received so far; what they belong to is kept beside it.
    size : int or None
        Bytes that the file has, where known.
    whole_is_checked : bool
        A hash of the whole file is compared afterwards; without one, the server has to say its length.
    patience : Patience
    """

    def __init__(self, part: Path, size: int | None, whole_is_checked: bool, patience: Patience):
        self.part, self.size, self.patience = part, size, patience
        self.whole_is_checked = whole_is_checked
        self._record = part.with_suffix(".json")

    def __call__(self, url: str, output_file: str, pooch: Any = None, check_only: bool = False) -> None:
        """Download ``url`` to the path ``output_file``, which appears at once and whole.

        Raises
        ------
        SourceFailedError
            The server does not give this file.
        UserError
            The disk does not take it.
        """
        failures, furthest = 0, self._received()
        while True:
            try:
                self._go_on(url)
                break
            except _CutOff as error:
                failures = 1 if self._received() > furthest else failures + 1
                furthest = max(furthest, self._received())
                if failures >= self.patience.attempts:
                    raise SourceFailedError(self._giving_up(str(error))) from error
                get_logger("weights").info("%s; trying again", error)
                time.sleep(self.patience.pause * 2 ** (failures - 1))
        self.part.replace(output_file)
        self._record.unlink(missing_ok=True)

    def _go_on(self, url: str) -> None:
        """Ask for what is missing and append it."""
        import requests

        have = self._version(url)
        if have.total is not None and self._received() == have.total:
            return
        headers = {"Accept-Encoding": "identity"}
        if self._received() and have.validator:
            headers |= {"Range": f"bytes={self._received()}-", "If-Range": have.validator}
        timeout = (self.patience.connect, self.patience.read)
        try:
            with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
                self._receive(response, have)
        except requests.RequestException as error:
            passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
            kind = _CutOff if isinstance(error, passing) else SourceFailedError
            raise kind(_reason(error)) from error

    def _receive(self, response: Response, have: _Version) -> None:
        if response.status_code == 416:
            # The part is longer than the file, which therefore is another one.
            self.discard()
        _refuse_status(response)
        start, total = _extent(response)
        offered = _Version(have.url, _validator(response), total)
        if response.status_code == 206 and (start != self._received() or not _same(offered, have)):
            self.discard()
            raise _CutOff("the file has changed on the server")
        if self.size is not None and not self.whole_is_checked and total not in (None, self.size):
            raise SourceFailedError(f"it offers {total} bytes instead of {self.size}")
        ends = total is not None or response.headers.get("Transfer-Encoding") == "chunked"
        if not ends and self.size is None and not self.whole_is_checked:
            raise SourceFailedError("it does not say how long the file is, so that a cut-off one would pass")
        chunks = response.iter_content(_CHUNK)
        if response.status_code == 200:
            first = next(chunks, b"")
            if found := recognise_text(first[:HEAD_BYTES]):
                raise SourceFailedError(f"it sends {found}")
            self.discard()
            write_json(asdict(offered), self._record)
            self._append(first)
        missing = math.ceil((total - self._received()) / _MIB) if total is not None else None
        if missing != 0:
            for _ in track(self._append_all(chunks), f"fetching {self.part.parent.name} (MiB)", missing):
                pass
        if total is not None and self._received() < total:
            raise _CutOff(f"the connection ended after {self._received()} of {total} bytes")

    def _append_all(self, chunks: Iterator[bytes]) -> Iterator[int]:
        """Append ``chunks``; yield once for each MiB, and for the rest."""
        pending = 0
        for chunk in chunks:
            self._append(chunk)
            pending += len(chunk)
            if pending >= _MIB:
                pending -= _MIB
                yield self._received()
        if pending:
            yield self._received()

    def _append(self, chunk: bytes) -> None:
        try:
            with self.part.open("ab") as stream:
                stream.write(chunk)
        except OSError as error:
            raise UserError(
                f"cannot write {self.part}",
                cause=str(error),
                remedy="free some space, or choose another folder with --folder; what is there already is "
                "kept, and the same command goes on with it",
            ) from error

    def discard(self) -> None:
        """Forget what was received."""
        self.part.unlink(missing_ok=True)
        self._record.unlink(missing_ok=True)

    def _received(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _version(self, url: str) -> _Version:
        """Return what the part holds the beginning of, if it was ``url``'s."""
        try:
            version = _Version(**read_json(self._record))
        except (UserError, TypeError):
            return _Version(url)
        return version if version.url == url else _Version(url)

    def _giving_up(self, error: str) -> str:
        received = self._received()
        kept = f"; {received} bytes are kept, and the same command goes on with them" if received else ""
        return f"{error}, {self.patience.attempts} times in a row{kept}"


def _refuse_status(response: Response) -> None:
    if response.status_code in (200, 206):
        return
    status = f"it answers {response.status_code} {response.reason}".strip()
    if response.status_code in (408, 416, 425, 429) or response.status_code >= 500:
        raise _CutOff(status)
    raise SourceFailedError(status)


def _extent(response: Response) -> tuple[int, int | None]:
    """Return where the bytes of an answer begin, and how many the whole file has."""
    if response.status_code == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", "").strip())
        return (int(found[1]), int(found[2])) if found else (-1, None)
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _same(offered: _Version, have: _Version) -> bool:
    """Can the two be of one file? An answer to If-Range may leave out the time of the last change."""
    lengths, validators = {offered.total, have.total} - {None}, {offered.validator, have.validator} - {""}
    return len(lengths) <= 1 and len(validators) <= 1


def _validator(response: Response) -> str:
    """Return what names these bytes and no others: a strong ETag, or the time of the last change."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def _reason(error: Exception) -> str:
    """Return the innermost reason of a chain of network errors."""
    while inner := error.__cause__ or error.__context__:
        if not isinstance(inner, Exception):
            break
        error = inner
    return re.sub(r"^<[^>]*>:? *", "", str(error)) or type(error).__name__
