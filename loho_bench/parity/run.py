"""Runs components on a folder of reference values."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from loho_bench.parity.catalogue import COMPONENTS, Component, sections_without_component
from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.reference import Reference, UnusableReference, missing_files
from loho_bench.progress import get_logger, track


@dataclass(frozen=True)
class Outcome:
    """What a run gave.

    ``seconds`` has an entry for every component that was compared; ``absent`` names those of which the folder
    says nothing, ``unknown`` the entries of its ``params.json`` that nothing here computes (empty unless all
    components were asked for).
    """

    comparisons: tuple[Comparison, ...]
    seconds: dict[str, float]
    absent: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def passed(self) -> int:
        """Number of comparisons within tolerance."""
        return sum(one.ok for one in self.comparisons)

    @property
    def ok(self) -> bool:
        """Whether there was something to compare and all of it is within tolerance."""
        return 0 < len(self.comparisons) == self.passed

    def closing_line(self) -> str:
        """Return ``N of M within tolerance (worst: ...)``."""
        text = f"{self.passed} of {len(self.comparisons)} within tolerance"
        if not self.comparisons:
            return text
        worst = max(self.comparisons, key=lambda one: (not one.ok, one.severity))
        return (
            f"{text} (worst: {worst.component}, {worst.case}: {worst.relative:.1e} of {worst.tolerance:.0e})"
        )


def run(reference: Reference, components: Sequence[Component]) -> Outcome:
    """Compare ``components`` with the folder's values.

    What cannot be computed (a network's weights are missing, a checkpoint is refused) counts as a comparison
    that is out of tolerance, with the reason as its note; the other components still run.

    Raises
    ------
    UnusableReference
        A file that the folder should hold is missing or broken.
    """
    needed = {component.name: component.files(reference) for component in components}
    missing = sorted({name for names in needed.values() for name in names if not reference.has(name)})
    if missing:
        raise missing_files(reference.folder, missing)
    here = [component for component in components if needed[component.name]]
    log, found, seconds = get_logger("parity"), [], {}
    for component in track(here, "comparing components"):
        started, before = time.monotonic(), len(found)
        try:
            found.extend(replace(one, component=component.name) for one in component.compare(reference))
        except UnusableReference:
            raise
        except Exception as error:  # one component's failure must not hide what the others give
            log.error("%s could not be compared to its end", component.name, exc_info=True)
            found.append(Checks(component.name).failure("compared to its end", error))
        seconds[component.name] = time.monotonic() - started
        log.info("%s: %d comparisons in %.1f s", component.name, len(found) - before, seconds[component.name])
    absent = tuple(component.name for component in components if not needed[component.name])
    unknown = sections_without_component(reference) if len(components) == len(COMPONENTS) else []
    return Outcome(tuple(found), seconds, absent, tuple(unknown))
