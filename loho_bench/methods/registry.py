"""Names of methods: one declaration a method, duplicates refused, typos answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from loho_bench.errors import UserError, suggest
from loho_bench.methods.protocol import Method, Resources
from loho_bench.settings.base import StrictModel, describe_problems


@dataclass(frozen=True)
class MethodSpec:
    """All that the benchmark knows of a method.

    ``name`` is used in files and on the command line, ``label`` in tables and figures. ``settings`` is
    the type of its settings; ``family`` names the group of settings that it shares with its variants.
    ``build`` makes the method from settings of that type and from networks.
    """

    name: str
    label: str
    description: str
    settings: type[StrictModel]
    build: Callable[[Any, Resources], Method]
    family: str = ""

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
