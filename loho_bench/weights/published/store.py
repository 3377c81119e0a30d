"""Where the published files lie on this machine, and whether they are the right ones."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, Self

from loho_bench.errors import UserError
from loho_bench.weights.published.ledger import HashLock, HashMemory
from loho_bench.weights.published.manifest import WeightFile, check_names, weight_file
from loho_bench.weights.published.verification import find_problem

FOLDERS_VARIABLE = "LOHO_BENCH_WEIGHTS"
MIRRORS_VARIABLE = "LOHO_BENCH_MIRRORS"


class StoreSettings(Protocol):
    """The settings that a store reads: ``weights`` of the settings of a run."""

    folder: str
    files: Mapping[str, str]
    mirrors: Iterable[str]


@dataclass(frozen=True)
class Finding:
    """What is known of one file.

    Attributes
    ----------
    status : str
        ``"present"``, ``"missing"`` or ``"wrong"``.
    path : Path or None
        Where it lies, or None.
    problem : str
        What is wrong with it, if anything is.
    """

    name: str
    status: Literal["present", "missing", "wrong"]
    path: Path | None = None
    problem: str = ""


class WeightStore:
    """The published files of this machine.

    Parameters
    ----------
    folders : iterable of str or Path
        Where to look, in this order. Fetched files go into the first; the last, a folder of the user's
        own, also keeps the hashes that were taken.
    files : mapping, optional
        Paths of single files by name. Such a file is the user's own choice: it only has to exist.
    mirrors : iterable of str, optional
        Addresses or folders to fetch from before the files' own.

    Raises
    ------
    UserError
        ``files`` has a name that no published file has.
    """

    def __init__(
        self,
        folders: Iterable[str | Path],
        files: Mapping[str, str | Path] | None = None,
        mirrors: Iterable[str] = (),
    ):
        self.folders = tuple(dict.fromkeys(Path(folder).expanduser() for folder in folders))
        self.files = {name: Path(path).expanduser() for name, path in (files or {}).items()}
        self.mirrors = tuple(mirrors)
        check_names(self.files)
        self._memory = HashMemory(self.folders[-1])

    @classmethod
    def from_settings(cls, settings: StoreSettings, folder: str | Path | None = None) -> Self:
        """Return the store that settings, environment and defaults make.

        The folders are ``folder``, that of the settings, those of ``LOHO_BENCH_WEIGHTS`` (as many as
        wanted, separated as in ``PATH``) and the user's cache; the mirrors are those of the settings and
        those of ``LOHO_BENCH_MIRRORS`` (separated by commas).
        """
        import pooch

        named = [folder or "", settings.folder, *os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)]
        mirrors = [*settings.mirrors, *os.environ.get(MIRRORS_VARIABLE, "").split(",")]
        return cls(
            [*filter(None, named), pooch.os_cache("loho_bench")],
            settings.files,
            [mirror.strip() for mirror in mirrors if mirror.strip()],
        )

    @property
    def target(self) -> Path:
        """The folder that fetched files go into."""
        return self.folders[0]

    def find(self, name: str) -> Path | None:
        """Return the path of the file ``name``, unchecked, or None where there is none."""
        file = weight_file(name)
        if name in self.files:
            candidates = [self.files[name]]
        else:
            candidates = [folder / file.file for folder in self.folders]
        return next((path for path in candidates if path.is_file()), None)

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of the file ``name`` in hexadecimal; it is taken once for a content.

        Raises
        ------
        UserError
            The file is missing.
        """
        path = self.find(name)
        if path is None:
            raise self._refusal([Finding(name, "missing")])
        return self._memory.sha256(path)

    def check(self, name: str, record: bool = True) -> Finding:
        """Compare the file ``name`` with what is published, or with what was first seen.

        Parameters
        ----------
        name : str
        record : bool
            Record the hash of a file whose authors publish none, if this is the first look at it.
        """
        file, path = weight_file(name), self.find(name)
        if path is None:
            problem = f"{self.files[name]} does not exist" if name in self.files else ""
            return Finding(name, "missing", problem=problem)
        if name in self.files:
            return Finding(name, "present", path)
        lock, sha256 = HashLock(path.parent), self._memory.sha256(path)
        recorded = lock.recorded(name)
        if problem := find_problem(path, file, sha256, recorded):
            return Finding(name, "wrong", path, problem)
        if record and not file.sha256 and not recorded and os.access(path.parent, os.W_OK):
            lock.record(name, file.file, sha256, "placed by hand")
        return Finding(name, "present", path)

    def require(self, names: Iterable[str]) -> dict[str, Path]:
        """Return the paths of the files ``names``, each of them checked.

        Raises
        ------
        UserError
            Some are missing or wrong; one error lists all of them with size, licence and source.
        """
        findings = [self.check(name) for name in dict.fromkeys(names)]
        if bad := [finding for finding in findings if finding.status != "present"]:
            raise self._refusal(bad)
        return {finding.name: finding.path for finding in findings if finding.path is not None}

    def _refusal(self, findings: list[Finding]) -> UserError:
        files = [weight_file(finding.name) for finding in findings]
        kinds = " or ".join(kind for kind in ("missing", "wrong") if kind in {f.status for f in findings})
        subject = "1 weight file is" if len(files) == 1 else f"{len(files)} weight files are"
        lines = [_line(file, finding) for file, finding in zip(files, findings, strict=True)]
        return UserError(
            f"{subject} {kinds}",
            cause="\n          ".join([f"looked in {', '.join(map(str, self.folders))}", *lines]),
            remedy=self._remedy([file for file in files if file.name not in self.files])
            or "correct the paths in the setting weights.files",
        )

    def _remedy(self, files: list[WeightFile]) -> str:
        fetched = [file.name for file in files if file.urls or self.mirrors]
        by_hand = [file for file in files if file.name not in fetched]
        remedies = [f"run 'loho-bench weights fetch {' '.join(fetched)}'"] if fetched else []
        for file in by_hand:
            remedies.append(f"get {file.name} by hand from {file.page} and put it into {self.target}")
        return "\n          ".join(remedies)


def _line(file: WeightFile, finding: Finding) -> str:
    what = f"{file.name}: {file.file} ({file.size_text}; licence: {file.licence}) from {file.source}"
    where = f"{finding.path}: " if finding.path else ""
    return f"{what}; {where}{finding.problem}" if finding.problem else what
