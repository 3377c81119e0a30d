"""The list of published files: what each is for, where it comes from, and how it is recognised."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from loho_bench.errors import UserError, suggest
from loho_bench.settings.base import StrictModel, describe_problems

MANIFEST = Path(__file__).with_name("manifest.yaml")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+/?\S*$")]


class WeightFile(StrictModel):
    """One published file."""

    name: Name
    """What settings and commands call it."""
    file: FileName
    """Its name on disk, whatever the end of its address."""
    used_for: str = Field(min_length=1)
    """What the project does with it, in one line."""
    urls: tuple[Address, ...] = ()
    """Where a program can fetch it from, in the order to try; empty where only a person can."""
    page: Address
    """Where a person finds it."""
    steps: str = ""
    """What a person does on that page."""
    size: int | None = Field(None, gt=0)
    """Bytes, where they are known."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    """The SHA-256 that its authors publish, in hexadecimal."""
    sha256_prefix: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8,63}$")] | None = None
    """The first digits of its SHA-256, which some authors put into the file name."""
    licence: str = Field(min_length=1)
    """As its authors state it."""
    note: str = ""
    """What else to know."""

    @model_validator(mode="after")
    def _say_where_it_comes_from(self) -> Self:
        if not self.urls and not self.steps:
            raise ValueError("without 'urls' there must be 'steps' for a person")
        if self.sha256_prefix and self.sha256_prefix not in self.file:
            raise ValueError(f"'sha256_prefix' is not in the file name '{self.file}'")
        return self

    @property
    def size_text(self) -> str:
        """The size as people write it, e.g. ``"53 MB"``, or ``"size unknown"``."""
        if self.size is None:
            return "size unknown"
        return f"{self.size / 1e6:.0f} MB" if self.size >= 1e6 else f"{self.size / 1e3:.0f} kB"

    @property
    def source(self) -> str:
        """The first address, or the page where a person finds it."""
        return self.urls[0] if self.urls else self.page


@functools.cache
def manifest() -> dict[str, WeightFile]:
    """Return every published file by its name, in the order of the manifest."""
    return read_manifest(MANIFEST)


def weight_file(name: str) -> WeightFile:
    """Return the entry ``name``, or say which name comes nearest."""
    check_names([name])
    return manifest()[name]


def check_names(names: Iterable[str]) -> None:
    """Refuse names that no published file has."""
    for name in names:
        if name not in manifest():
            raise UserError(
                f"there is no weight file '{name}'",
                cause=f"the manifest does not have that name.{suggest(name, manifest())}",
                remedy="take a name from 'loho-bench weights list'",
            )


def read_manifest(path: str | Path) -> dict[str, WeightFile]:
    """Read and check a manifest: a YAML list with one mapping a file.

    Raises
    ------
    UserError
        It is not such a list, an entry is not valid, or two share a name or a file name.
    """
    try:
        entries = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _unusable(path, str(error)) from error
    if not isinstance(entries, list):
        raise _unusable(path, "it is not a list of files")
    files = [_read_entry(path, entry, place) for place, entry in enumerate(entries, 1)]
    for key in ("name", "file"):
        values = [getattr(file, key) for file in files]
        if twice := next((value for value in values if values.count(value) > 1), None):
            raise _unusable(path, f"two entries have the {key} '{twice}'")
    return {file.name: file for file in files}


def _read_entry(path: str | Path, entry: Any, place: int) -> WeightFile:
    name = entry.get("name", f"number {place}") if isinstance(entry, dict) else f"number {place}"
    try:
        return WeightFile.model_validate(entry)
    except ValidationError as error:
        problems = describe_problems(error, "the whole entry").replace("unknown setting", "unknown field")
        raise _unusable(path, f"entry {name}: {problems}") from error


def _unusable(path: str | Path, cause: str) -> UserError:
    return UserError(
        f"cannot use the list of weight files {path}",
        cause=cause,
        remedy="correct the list, or reinstall the package",
    )
