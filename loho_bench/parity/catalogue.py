"""The components that a folder of reference values can be compared with: the one list of them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from loho_bench.errors import UserError, suggest
from loho_bench.parity.comparison import Comparison
from loho_bench.parity.reference import Reference


@dataclass(frozen=True)
class Component:
    """A part of the package with reference values.

    ``module`` is imported when needed. It offers ``SECTION`` (its entry in ``params.json``, None where it has
    none), ``files(reference)`` (the files that the folder should have for it; none where it does not speak of
    it) and ``compare(reference)``.
    """

    name: str
    module: str

    def files(self, reference: Reference) -> list[str]:
        """Return the names of the files it needs in this folder; none if the folder does not hold it."""
        return self._load().files(reference)

    def compare(self, reference: Reference) -> Iterator[Comparison]:
        """Yield its comparisons."""
        return self._load().compare(reference)

    @property
    def section(self) -> str | None:
        """Its entry in ``params.json``."""
        return self._load().SECTION

    def _load(self) -> ModuleType:
        return importlib.import_module(f"loho_bench.parity.{self.module}")


COMPONENTS = (
    Component("schedules", "schedules"),
    Component("projection", "projection"),
    Component("masks", "masks"),
    Component("noise", "noise"),
    Component("image-scores", "image_scores"),
    Component("frechet", "frechet"),
    Component("stylegan2", "stylegan2"),
    Component("stylegan2-nvidia", "nvidia"),
    Component("losses", "losses"),
    Component("graphonomy", "graphonomy"),
    Component("loop", "loop"),
    Component("michigan", "michigan"),
    Component("orientation", "orientation"),
)


def chosen_components(names: list[str]) -> tuple[Component, ...]:
    """Return the components of these names in the catalogue's order; all of them for no names.

    Raises
    ------
    UserError
        A name is not in the catalogue.
    """
    known = [component.name for component in COMPONENTS]
    for name in names:
        if name not in known:
            raise UserError(
                f"there is no component '{name}'.{suggest(name, known)}",
                remedy=f"choose among {', '.join(known)}",
            )
    return tuple(component for component in COMPONENTS if not names or component.name in names)


def sections_without_component(reference: Reference) -> list[str]:
    """Return the entries of ``params.json`` that nothing here computes."""
    known = {component.section for component in COMPONENTS}
    return [name for name in reference.params if name not in known]
