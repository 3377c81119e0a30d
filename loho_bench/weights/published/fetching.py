"""Fetch a published file: from mirrors or its own address, checked, and put in place whole or not at all."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from loho_bench.errors import UserError
from loho_bench.storage import check_writable, exclusive_lock, file_sha256
from loho_bench.weights.published.downloading import Patience, ResumingDownload, SourceFailedError
from loho_bench.weights.published.ledger import LOCK_NAME, HashLock
from loho_bench.weights.published.manifest import WeightFile, weight_file
from loho_bench.weights.published.store import MIRRORS_VARIABLE, WeightStore
from loho_bench.weights.published.verification import find_problem

_STAGING = ".fetching"


@dataclass(frozen=True)
class Fetched:
    """Where a file lies now, and which source gave it; none if it was there already."""

    path: Path
    source: str = ""


def can_be_fetched(name: str, store: WeightStore) -> bool:
    """Is there anything to try for the file ``name``: an address, or a mirror?"""
    return bool(weight_file(name).urls or store.mirrors)


def how_by_hand(file: WeightFile, store: WeightStore) -> str:
    """Return what a person has to do to get ``file``."""
    return f"{file.page}: {file.steps or 'download it.'} Put it into {store.target} as {file.file}."


def fetch(name: str, store: WeightStore, patience: Patience | None = None) -> Fetched:
    """Make sure that the file ``name`` is there and is the right one.

    Sources are tried in turn: mirrors first, then the file's own addresses. What has been received stays in
    ``.fetching`` of the store's first folder until the file is whole and checked; only then does it take its
    name. A second process waits for the first and finds its work done.

    Parameters
    ----------
    name : str
    store : WeightStore
    patience : Patience, optional
        How long to try each source.

    Raises
    ------
    UserError
        No source gives the file; it can only be fetched by hand; or the disk does not take it.
    """
    file, folder = weight_file(name), store.target
    finding = store.check(name)
    if finding.status == "present":
        return Fetched(finding.path)
    if name in store.files:
        raise UserError(
            f"cannot fetch {name}",
            cause=f"the setting weights.files names {store.files[name]}, which does not exist",
            remedy="put the file there, or take the entry out of the setting",
        )
    if not can_be_fetched(name, store):
        raise UserError(
            f"cannot fetch {name} ({file.file})",
            cause="no address gives it to a program",
            remedy=f"get it by hand: {how_by_hand(file, store)}",
        )
    with exclusive_lock(folder / _STAGING / f"{name}.lock"):
        check_writable(folder)
        finding = store.check(name)
        if finding.status == "present":
            return Fetched(finding.path)
        return _fetch_from_any(file, store, patience or Patience(), finding.problem)


def _fetch_from_any(file: WeightFile, store: WeightStore, patience: Patience, problem: str) -> Fetched:
    staging, lock = store.target / _STAGING / file.name, HashLock(store.target)
    failures = []
    for source in _sources(file, store):
        staging.mkdir(exist_ok=True)
        try:
            staged = _obtain(source, file, staging, patience, lock.recorded(file.name))
        except SourceFailedError as error:
            failures.append(f"{source}: {error}")
            continue
        if not file.sha256:
            lock.record(file.name, file.file, file_sha256(staged), source)
        staged.replace(store.target / file.file)
        shutil.rmtree(staging)
        return Fetched(store.target / file.file, source)
    if problem:
        failures.append(f"the file in {store.target} is not used: {problem}")
    raise UserError(
        f"cannot fetch {file.name} ({file.file})",
        cause="\n          ".join(failures),
        remedy=f"check the network, name a mirror in {MIRRORS_VARIABLE}, or get it by hand: "
        f"{how_by_hand(file, store)}",
    )


def _sources(file: WeightFile, store: WeightStore) -> Iterator[str]:
    """Yield addresses and paths to try, in this order."""
    for mirror in store.mirrors:
        parts = urlsplit(mirror)
        if parts.scheme in ("http", "https"):
            yield f"{mirror.rstrip('/')}/{quote(file.file)}"
        else:
            folder = unquote(parts.path) if parts.scheme == "file" else mirror
            yield str(Path(folder).expanduser() / file.file)
    yield from file.urls


def _obtain(source: str, file: WeightFile, staging: Path, patience: Patience, recorded: str | None) -> Path:
    """Return the path in ``staging`` of a checked copy of ``source``, or remove it and say why not."""
    staged = staging / file.file
    if urlsplit(source).scheme in ("http", "https"):
        _download(source, file, staged, patience, recorded)
    else:
        _copy(Path(source), staged)
    if problem := find_problem(staged, file, file_sha256(staged), recorded):
        staged.unlink()
        raise SourceFailedError(f"the file from there was refused and removed: {problem}")
    return staged


def _download(url: str, file: WeightFile, staged: Path, patience: Patience, recorded: str | None) -> None:
    import pooch

    # Its lines repeat ours, and give advice that is not for our users.
    pooch.get_logger().setLevel(logging.ERROR)
    known = file.sha256 or recorded
    download = ResumingDownload(
        staged.parent / "part", file.size, bool(known or file.sha256_prefix), patience
    )
    try:
        pooch.retrieve(
            url, f"sha256:{known}" if known else None, staged.name, staged.parent, downloader=download
        )
    except ValueError as error:
        raise SourceFailedError(
            f"the file from there was refused and removed: its SHA-256 is not {known}, "
            f"{'which is published' if file.sha256 else f'as when first seen ({LOCK_NAME})'}"
        ) from error


def _copy(source: Path, staged: Path) -> None:
    if not source.is_file():
        raise SourceFailedError("there is no such file")
    try:
        shutil.copyfile(source, staged)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise UserError(
            f"cannot copy {source} to {staged.parent}",
            cause=str(error),
            remedy="free some space, or give yourself permission to read and write there",
        ) from error
