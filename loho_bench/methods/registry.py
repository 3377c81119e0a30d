"""Names of methods: one declaration a method, duplicates refused, typos answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from loho_bench.errors import UserError, suggest
from loho_bench.methods.protocol import Method, Resources
from loho_bench.settings.base import StrictModel, describe_problems

Task = Literal["transfer", "reconstruction", "editing"]
Role = Literal["method", "floor", "ceiling"]
ANSWER, LANDMARKS = "answer", "landmarks"
"""Among the needs of a method: true answers, which only synthetic portraits have; landmarks."""


@dataclass(frozen=True)
class MethodSpec:
    """All that the benchmark knows of a method: tables, figures, page and workflow iterate over these.

    Attributes
    ----------
    name : str
        In files and on the command line.
    label : str
        In tables and figures.
    description : str
        One sentence.
    settings : type
        Of its settings.
    build : callable or None
        Makes the method from settings of that type and from networks; None where another program makes the
        results.
    family : str
        The group of settings that it shares with its variants.
    needs : tuple of str
        Jobs of the networks that it is given ("generator", "parser", "features", "inpainter", "michigan"),
        and :data:`ANSWER` and :data:`LANDMARKS`.
    tasks : tuple of str
        What it can be asked for: "transfer", "reconstruction", "editing".
    role : str
        "floor" and "ceiling" are what methods are measured against.
    version : str
        Results of different versions do not mix: raise it when the method computes otherwise.
    citation : str
        Whose method it is.
    """

    name: str
    label: str
    description: str
    settings: type[StrictModel]
    build: Callable[[Any, Resources], Method] | None
    family: str = ""
    needs: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ("transfer", "reconstruction", "editing")
    role: Role = "method"
    version: str = "1"
    citation: str = ""

    @property
    def jobs(self) -> tuple[str, ...]:
        """The jobs among its needs, for which networks are loaded."""
        return tuple(need for need in self.needs if need not in (ANSWER, LANDMARKS))

    def require(self, task: Task) -> None:
        """Raise a UserError where this method cannot do ``task``."""
        if task not in self.tasks:
            raise UserError(
                f"the method '{self.name}' cannot be asked for: {task}",
                cause=f"all that it can do is: {', '.join(self.tasks)}",
                remedy="leave it out of that list of 'reports'",
            )

    def require_builder(self) -> None:
        """Raise a UserError where another program makes the results."""
        if self.build is None:
            raise UserError(
                f"the method '{self.name}' is not computed by loho-bench",
                cause="it is declared under 'external' in the settings",
                remedy="run its rule in workflow/rules/methods (docs/add-a-baseline.md)",
            )

    def configure(self, *layers: Mapping[str, Any]) -> StrictModel:
        """Validate settings given in layers, the later over the earlier, group by group.

        Give only what was really set: a default written out counts as a wish, and the settings that
        make a variant what it is cannot be wished away.

        Raises
        ------
        UserError
            A setting is unknown, out of its range, or fixed by this method.
        """
        merged: dict[str, Any] = {}
        for layer in layers:
            merged = _merge(merged, layer)
        try:
            return self.settings.model_validate(merged)
        except ValidationError as error:
            raise UserError(
                f"the settings of method '{self.name}' cannot be used",
                cause=describe_problems(error, self.name),
                remedy=f"correct 'methods.{self.name}' or its family's group; docs/settings.md lists them",
            ) from error


class Registry:
    """Methods by name, in the order of their registration."""

    def __init__(self) -> None:
        self._specs: dict[str, MethodSpec] = {}

    def register(self, spec: MethodSpec) -> MethodSpec:
        """Add a method; ValueError when its name is taken."""
        if spec.name in self._specs:
            raise ValueError(f"method '{spec.name}' is registered twice")
        self._specs[spec.name] = spec
        return spec

    def get(self, name: str) -> MethodSpec:
        """Look a method up; UserError with the nearest name when there is none."""
        if name not in self._specs:
            raise UserError(
                f"unknown method '{name}'.{suggest(name, self._specs)}",
                cause="no method of this name is registered",
                remedy=f"choose one of: {', '.join(self._specs)}",
            )
        return self._specs[name]

    def names(self) -> list[str]:
        """Give the names of all methods."""
        return list(self._specs)

    def __iter__(self) -> Iterator[MethodSpec]:
        return iter(self._specs.values())


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if nested else value
    return merged
