"""Which files a setting needs, job by job, and what a result that they made depends on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from loho_bench.provenance import stable_hash
from loho_bench.settings.project import NetworkSettings, Settings
from loho_bench.storage import read_json
from loho_bench.weights.embedded import FOLDER
from loho_bench.weights.published.store import WeightStore

EMBEDDED = "embedded"
CLASSICAL = "telea"
"""An inpainter that needs no weights."""
_HOW = {"parser": "parser_scales", "landmarks": "face_detector", "extractor": "inception_mode"}
"""Settings that change what a published network computes."""
_SCORING = ("parser", "features", "extractor")
_MICHIGAN = ("michigan-generator", "michigan-inpainting")
_INCEPTION = {
    "clean": "inception-clean",
    "legacy_pytorch": "inception-pytorch",
    "legacy_tensorflow": "inception-clean",
}


def needed_files(networks: NetworkSettings, *jobs: str) -> tuple[str, ...]:
    """Return the names, as the manifest has them, of the files that ``jobs`` need; none where embedded.

    Parameters
    ----------
    networks : NetworkSettings
    *jobs : str
        "generator", "parser", "landmarks", "features", "extractor", "michigan" or "inpainter".
    """
    return tuple(dict.fromkeys(name for job in jobs for name in _files_of(networks, job)))


def networks_of(networks: NetworkSettings, *jobs: str) -> dict[str, str]:
    """Return the settings of ``networks`` that ``jobs`` depend on."""
    names = (name for job in jobs for name in (job, _HOW.get(job)) if name)
    return {name: getattr(networks, name) for name in names}


def find_files(settings: Settings, *jobs: str) -> dict[str, Path]:
    """Return the paths of the files that ``jobs`` need, by their names in the manifest, each checked.

    Raises
    ------
    UserError
        Some are missing or wrong; all of them are listed with their sources.
    """
    names = needed_files(settings.networks, *jobs)
    return WeightStore.from_settings(settings.weights).require(names) if names else {}


def require_all(settings: Settings, jobs: Iterable[str]) -> None:
    """Make sure that every file is there that any stage of a run needs.

    Parameters
    ----------
    settings : Settings
    jobs : iterable of str
        Those of the methods that are run; annotating and scoring have theirs.

    Raises
    ------
    UserError
        Some are missing; all of them are listed with their sources.
    """
    found_by_networks = ("landmarks",) if settings.annotation.source == "networks" else ()
    find_files(settings, *found_by_networks, *_SCORING, *jobs)


def weights_hash(settings: Settings, *jobs: str) -> str:
    """Return a short hash over the weights behind ``jobs``: what a result depends on.

    A published file that is not there counts as absent, so that a plan can be made without it.
    """
    return stable_hash({job: _content(settings, job) for job in jobs})


def _content(settings: Settings, job: str) -> list[str]:
    networks = settings.networks
    if getattr(networks, job) == CLASSICAL:
        return [CLASSICAL]
    if getattr(networks, job) == EMBEDDED:
        return [EMBEDDED, read_json(FOLDER / f"{job}.json")["sha256"]]
    store = WeightStore.from_settings(settings.weights)
    files = (store.sha256(name) if store.find(name) else "" for name in _files_of(networks, job))
    return [*networks_of(networks, job).values(), *files]


def _files_of(networks: NetworkSettings, job: str) -> Iterable[str]:
    choice = getattr(networks, job)
    if choice in (EMBEDDED, CLASSICAL):
        return ()
    if job == "michigan":
        return _MICHIGAN
    if job == "landmarks":
        return _landmark_files(networks.face_detector)
    if job == "extractor":
        return (_INCEPTION[networks.inception_mode],)
    return (choice,)


def _landmark_files(detector: str) -> tuple[str, ...]:
    """Return the files of 2D-FAN and of the face detector before it, if there is one."""
    if detector == "aligned":
        return ("2dfan4",)
    # BlazeFace keeps the boxes that its answers are relative to in a second file.
    return ("2dfan4", detector, *([f"{detector}-anchors"] if detector.startswith("blazeface") else []))
