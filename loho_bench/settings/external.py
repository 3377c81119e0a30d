"""Settings of the methods that other programs compute: one entry a method, in the group ``external``."""

from __future__ import annotations

from string import Formatter
from typing import Annotated, Any

from pydantic import Field, StringConstraints, field_validator

from loho_bench.settings.base import StrictModel

MethodName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""Lower-case words joined by hyphens: what is safe in paths, wildcards and on the command line."""

_ROLES = frozenset({"identity", "structure", "appearance"})
_FIELDS = _ROLES | {"tuple_id"}


class ExternalSettings(StrictModel):
    """A method that another program computes; docs/add-a-baseline.md shows how it is brought in."""

    label: str = ""
    """What tables and figures call it; by default its name."""

    description: str = "Computed by another program."
    """One sentence."""

    citation: str = ""
    """Whose method it is."""

    url: str = ""
    """Where the program can be had."""

    version: str = Field("1", min_length=1, coerce_numbers_to_str=True)
    """Raise it when the program computes otherwise: all its results are made again."""

    size: int = Field(0, ge=0, le=2048)
    """Side in pixels of the portraits that it is given and must give back; 0 is ``transfer.resolution``."""

    reconstructs: bool = False
    """Also let it reconstruct, for Table 3."""

    edits: bool = False
    """Also let it edit single attributes (section 4.5)."""

    result_name: str = "{tuple_id}.png"
    """Name of a result's file: of ``{tuple_id}``, or of ``{identity}``, ``{structure}`` and ``{appearance}``,
    which are the names of the portraits' files without their suffix."""

    results: str = ""
    """Folder of results that are finished; without it a rule in ``workflow/rules/methods/`` makes them."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Anything that its rule reads, such as the folder of the program; a change makes all results again."""

    @field_validator("result_name")
    @classmethod
    def _tells_tuples_apart(cls, pattern: str) -> str:
        try:
            found = {name for _, name, _, _ in Formatter().parse(pattern) if name is not None}
        except ValueError as error:
            raise ValueError(f"'{pattern}' is no name of a file: {error}") from None
        if unknown := sorted(found - _FIELDS):
            raise ValueError(f"'{{{unknown[0]}}}' is unknown; use {', '.join(sorted(_FIELDS))}")
        if "tuple_id" not in found and not found >= _ROLES:
            raise ValueError("it needs {tuple_id}, or {identity}, {structure} and {appearance} all three")
        if "/" in pattern:
            raise ValueError("a name has no '/': all results lie in one folder")
        return pattern

    @property
    def computing(self) -> ExternalSettings:
        """What the results depend on: the rest only says what they are called and where they lie."""
        return ExternalSettings(version=self.version, size=self.size, options=self.options)
