"""A web server on this machine that can be slow, break off, change its files, or not know of ranges."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOCK = 1 << 14


@dataclass
class Served:
    """One file of the server, and how it is sent.

    ``cuts`` are numbers of bytes: as many answers break off after so many bytes. ``pause`` is the time
    before each block of 16 KiB. Without ``length`` the answer ends where the connection ends.
    """

    content: bytes
    status: int = 200
    etag: str = '"first"'
    ranges: bool = True
    heeds_if_range: bool = True
    length: bool = True
    kind: str = "application/octet-stream"
    pause: float = 0.0
    cuts: list[int] = field(default_factory=list)


@dataclass
class Request:
    """What was asked for, and how many bytes were sent."""

    path: str
    range: str | None
    sent: int = 0


class Loopback:
    """The server's address, its files by path, and what it was asked."""

    def __init__(self, url: str):
        self.url, self.files, self.requests = url, {}, []

    @property
    def sent(self) -> list[int]:
        return [request.sent for request in self.requests]


@contextmanager
def loopback() -> Iterator[Loopback]:
    """Serve on 127.0.0.1 until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.state = Loopback(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        state: Loopback = self.server.state
        name = self.path.lstrip("/")
        request = Request(name, self.headers.get("Range"))
        state.requests.append(request)
        served = state.files.get(name, Served(b"not here", status=404))
        start = self._start(served)
        body = served.content[start:]
        self.send_response(206 if start else served.status)
        self.send_header("Content-Type", served.kind)
        if served.etag:
            self.send_header("ETag", served.etag)
        if served.length:
            self.send_header("Content-Length", str(len(body)))
        if start:
            last = len(served.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(served.content)}")
        self.end_headers()
        self._send(body[: served.cuts.pop(0)] if served.cuts else body, served.pause, request)
        self.close_connection = True

    def _start(self, served: Served) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = not served.heeds_if_range or self.headers.get("If-Range", served.etag) == served.etag
        return int(found[1]) if found and served.ranges and same else 0

    def _send(self, body: bytes, pause: float, request: Request) -> None:
        for begin in range(0, len(body), BLOCK):
            time.sleep(pause)
            block = body[begin : begin + BLOCK]
            # Counted before it is sent: who has received it can rely on the count.
            request.sent += len(block)
            try:
                self.wfile.write(block)
                self.wfile.flush()
            except OSError:
                return

    def log_message(self, *args: object) -> None:
        """Say nothing."""
