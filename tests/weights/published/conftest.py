"""A server on this machine with one file, that file in the manifest, and a store to fetch it into."""

from __future__ import annotations

import pytest
from fetched import CONTENT, FILE, NAME
from loopback import Served, loopback

from loho_bench.weights.published import manifest as manifest_module
from loho_bench.weights.published.manifest import WeightFile
from loho_bench.weights.published.store import WeightStore


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server():
    with loopback() as state:
        state.files[FILE] = Served(CONTENT)
        yield state


@pytest.fixture
def listed(server, monkeypatch):
    """Puts the file ``net`` into the manifest, with more about it if wanted."""

    def put(**more) -> WeightFile:
        more.setdefault("urls", [f"{server.url}/{FILE}"])
        file = WeightFile(name=NAME, file=FILE, page=server.url, used_for="tests", licence="none", **more)
        monkeypatch.setattr(manifest_module, "manifest", lambda: {NAME: file})
        return file

    put()
    return put


@pytest.fixture
def store(tmp_path) -> WeightStore:
    return WeightStore([tmp_path / "weights", tmp_path / "cache"])
