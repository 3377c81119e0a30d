"""Fetching: from a server on this machine that does what servers do."""

from __future__ import annotations

import os
import time

import pytest
from fetched import CONTENT, FILE, HASTY, NAME, OTHER, SHA256, refused
from loopback import Served

from loho_bench.errors import UserError
from loho_bench.weights.published.downloading import Patience
from loho_bench.weights.published.fetching import fetch
from loho_bench.weights.published.ledger import LOCK_NAME, HashLock


def test_a_file_is_fetched_once_and_then_needs_no_server(server, listed, store):
    fetched = fetch(NAME, store, HASTY)
    assert fetched.path == store.target / FILE
    assert fetched.path.read_bytes() == CONTENT
    assert fetched.source == f"{server.url}/{FILE}"
    assert fetched.path.stat().st_mode & 0o777 == 0o666 & ~current_umask()
    names = {path.name for path in store.target.iterdir()}
    assert names == {FILE, ".fetching", LOCK_NAME, f".{LOCK_NAME}.lock"}
    assert not list((store.target / ".fetching").glob("net/*"))
    server.files.clear()
    assert fetch(NAME, store, HASTY).source == ""
    assert len(server.requests) == 1


def current_umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def test_a_hash_that_nobody_publishes_is_recorded_and_holds_ever_after(server, listed, store):
    fetch(NAME, store, HASTY)
    assert HashLock(store.target).recorded(NAME) == SHA256
    (store.target / FILE).unlink()
    server.files[FILE] = Served(OTHER, etag='"second"')
    assert LOCK_NAME in refused(store)
    assert HashLock(store.target).recorded(NAME) == SHA256
    server.files[FILE] = Served(CONTENT)
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT


def test_a_slow_server_is_waited_for(server, listed, store):
    server.files[FILE].pause = 0.02
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT
    server.files[FILE].pause = 1.0
    (store.target / FILE).unlink()
    impatient = Patience(connect=0.2, read=0.2, attempts=2, pause=0.01)
    with pytest.raises(UserError, match="timed out"):
        fetch(NAME, store, impatient)


def test_a_broken_connection_is_resumed_with_the_rest_alone(server, listed, store):
    server.files[FILE].cuts = [200_000, 100_000]
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT
    first, second, third = server.requests
    assert first.range is None
    begins = [int(request.range.removeprefix("bytes=").removesuffix("-")) for request in (second, third)]
    assert 100_000 < begins[0] <= 200_000 < begins[1] <= begins[0] + 100_000
    assert third.sent == len(CONTENT) - begins[1]


def test_a_connection_that_keeps_breaking_is_given_up_and_what_came_is_kept(server, listed, store):
    server.files[FILE].cuts = [200_000, 0, 0, 0]
    message = refused(store)
    assert "3 times in a row" in message
    kept = int(message.split(" bytes are kept")[0].split()[-1])
    assert 100_000 < kept <= 200_000
    server.files[FILE].cuts = []
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT
    assert server.requests[-1].range == f"bytes={kept}-"
    assert server.sent[-1] == len(CONTENT) - kept


def test_progress_is_not_taken_for_failure(server, listed, store):
    """Six breaks, more than the attempts in a row that are allowed, each after something new."""
    server.files[FILE].cuts = [70_000] * 5
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT
    assert len(server.requests) == 6


def test_a_server_without_ranges_starts_over(server, listed, store):
    server.files[FILE].ranges, server.files[FILE].cuts = False, [200_000]
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT
    assert server.sent == [200_000, len(CONTENT)]


def test_a_server_without_ranges_that_always_breaks_is_given_up(server, listed, store):
    server.files[FILE].ranges, server.files[FILE].cuts = False, [200_000] * 50
    refused(store)
    assert len(server.requests) < 10


def test_without_anything_that_tells_versions_apart_nothing_is_joined(server, listed, store):
    server.files[FILE].etag, server.files[FILE].cuts = "", [200_000]
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT
    assert [request.range for request in server.requests] == [None, None]


@pytest.mark.parametrize("obeys", [True, False])
def test_a_file_that_changed_between_two_parts_is_fetched_anew(server, listed, store, obeys):
    server.files[FILE] = Served(OTHER, etag='"old"', cuts=[200_000, 0, 0, 0])
    refused(store)
    # One server heeds If-Range and sends the whole; the other sends the rest of its new file.
    server.files[FILE] = Served(CONTENT, etag='"new"', heeds_if_range=obeys)
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT


def test_a_part_longer_than_the_new_file_is_dropped(server, listed, store):
    server.files[FILE].cuts = [300_000, 0, 0, 0]
    refused(store)
    part = store.target / ".fetching" / NAME / "part"
    assert part.stat().st_size > 100_000
    server.files[FILE] = Served(CONTENT[:50_000], etag='"new"')
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT[:50_000]


@pytest.mark.parametrize("known", ["sha256", "sha256_prefix", "size"])
def test_wrong_content_is_refused_and_removed(server, listed, store, known):
    values = {"sha256": SHA256, "sha256_prefix": SHA256[:8], "size": len(CONTENT)}
    listed(**{known: values[known]})
    wrong = OTHER[:-5] if known == "size" else OTHER
    server.files[FILE] = Served(wrong)
    message = refused(store)
    assert {"sha256": SHA256, "sha256_prefix": SHA256[:8], "size": "instead of 400000"}[known] in message
    assert not list(store.target.glob(f".fetching/{NAME}/*.pth"))
    assert HashLock(store.target).recorded(NAME) is None
    server.files[FILE] = Served(CONTENT)
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT


@pytest.mark.parametrize("known", ["sha256", "sha256_prefix", "size"])
def test_a_truncated_file_without_a_stated_length_is_refused_and_removed(server, listed, store, known):
    values = {"sha256": SHA256, "sha256_prefix": SHA256[:8], "size": len(CONTENT)}
    listed(**{known: values[known]})
    server.files[FILE] = Served(CONTENT[:300_000], length=False)
    assert "refused and removed" in refused(store)
    server.files[FILE] = Served(CONTENT, length=False)
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT


def test_a_length_that_nobody_knows_is_not_trusted(server, listed, store):
    server.files[FILE].length = False
    assert "does not say how long" in refused(store)


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream"])
def test_a_web_page_in_place_of_the_file_is_recognised(server, listed, store, kind):
    page = b"\n<!DOCTYPE html><html><head><title>Quota  exceeded</title></head></html>"
    server.files[FILE] = Served(page, kind=kind)
    assert "a web page ('Quota exceeded')" in refused(store)


def test_mirrors_are_tried_in_order_before_the_address(server, listed, store, tmp_path):
    (tmp_path / "empty").mkdir()
    mirrors = [f"{server.url}/nothing", str(tmp_path / "empty"), f"{server.url}/mirror/"]
    server.files[f"mirror/{FILE}"] = Served(CONTENT)
    store.mirrors = tuple(mirrors)
    assert fetch(NAME, store, HASTY).source == f"{server.url}/mirror/{FILE}"
    assert [request.path for request in server.requests] == [f"nothing/{FILE}", f"mirror/{FILE}"]


def test_after_the_mirrors_comes_the_address_and_then_one_error_says_all(server, listed, store):
    store.mirrors = (f"{server.url}/nothing",)
    assert fetch(NAME, store, HASTY).source == f"{server.url}/{FILE}"
    (store.target / FILE).unlink()
    server.files[FILE].status = 403
    message = refused(store)
    assert f"{server.url}/nothing/{FILE}: it answers 404" in message
    assert f"{server.url}/{FILE}: it answers 403" in message


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_folder_can_be_a_mirror_for_what_no_program_can_fetch(listed, store, tmp_path, form):
    listed(urls=[], steps="Ask for it.")
    message = refused(store)
    assert "Ask for it." in message
    folder = tmp_path / "a folder"
    folder.mkdir()
    store.mirrors = (form.format(str(folder).replace(" ", "%20" if "file" in form else " ")),)
    (folder / FILE).write_bytes(b"<html>")
    assert "a web page" in refused(store)
    (folder / FILE).write_bytes(CONTENT)
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(server, listed, store, monkeypatch):
    server.files[FILE].status = 503
    monkeypatch.setattr(time, "sleep", lambda seconds: setattr(server.files[FILE], "status", 200))
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_nobody_there_is_said_in_the_words_of_the_system(listed, store):
    listed(urls=[f"http://127.0.0.1:9/{FILE}"])
    assert "refused" in refused(store)


def test_a_wrong_file_in_place_is_replaced_by_the_right_one_and_kept_until_then(server, listed, store):
    listed(sha256=SHA256)
    store.target.mkdir()
    (store.target / FILE).write_bytes(OTHER)
    server.files[FILE].status = 404
    with pytest.raises(UserError, match="is not used: its SHA-256 is"):
        fetch(NAME, store, HASTY)
    assert (store.target / FILE).read_bytes() == OTHER
    server.files[FILE].status = 200
    assert fetch(NAME, store, HASTY).path.read_bytes() == CONTENT
