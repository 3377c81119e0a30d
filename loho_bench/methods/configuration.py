"""From the settings of a run to those of its methods."""

from __future__ import annotations

from pathlib import Path

from loho_bench.errors import UserError
from loho_bench.methods.catalogue import registry_for
from loho_bench.methods.registry import ANSWER, MethodSpec
from loho_bench.settings.base import StrictModel
from loho_bench.settings.loading import load_settings
from loho_bench.settings.project import Settings


def load_checked_settings(source: str | Path | None = None) -> Settings:
    """Load settings as :func:`load_settings` does, and check what they say of single methods.

    Raises
    ------
    UserError
        Besides the reasons of :func:`load_settings`: the group ``methods`` or ``reports`` names a method
        that does not exist, ``methods`` a setting that its method does not take, or ``reports`` a task that
        it cannot do.
    """
    settings = load_settings(source)
    check_methods(settings)
    return settings


def check_methods(settings: Settings) -> None:
    """Make sure that methods exist, take the settings given and can do what reports ask of them.

    Raises
    ------
    UserError
        As of :func:`load_checked_settings`.
    """
    registry, reports = registry_for(settings), settings.reports
    for name in settings.methods:
        configure_method(registry.get(name), settings)
    asked = {
        "transfer": (*reports.methods, *reports.paper, *reports.ablation),
        "editing": reports.editing,
        "reconstruction": (*reports.reconstruction, *reports.paper_reconstruction),
    }
    for task, names in asked.items():
        for name in names:
            registry.get(name).require(task)
            if ANSWER in registry.get(name).needs and settings.portraits.source != "synthetic":
                raise UserError(
                    f"the method '{name}' cannot be run on photographs",
                    cause="it needs the true answers, which only the renderer of synthetic portraits knows",
                    remedy="leave it out of 'reports'",
                )


def configure_method(spec: MethodSpec, settings: Settings) -> StrictModel:
    """Return the validated settings of a method: its family's, and over them its own."""
    family = getattr(settings, spec.family, None)
    layers = [] if family is None else [family.model_dump(exclude_unset=True)]
    return spec.configure(*layers, settings.methods.get(spec.name, {}))
