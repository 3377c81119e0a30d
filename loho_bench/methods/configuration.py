"""From the settings of a run to those of its methods."""

from __future__ import annotations

from pathlib import Path

from loho_bench.methods.catalogue import default_registry
from loho_bench.methods.registry import MethodSpec
from loho_bench.settings.base import StrictModel
from loho_bench.settings.loading import load_settings
from loho_bench.settings.project import Settings


def load_checked_settings(source: str | Path | None = None) -> Settings:
    """Load settings as :func:`load_settings` does, and check what they say of single methods.

    Raises
    ------
    UserError
        Besides the reasons of :func:`load_settings`: the group ``methods`` or ``reports`` names a method
        that does not exist, or ``methods`` a setting that its method does not take.
    """
    settings, registry = load_settings(source), default_registry()
    for name in settings.methods:
        configure_method(registry.get(name), settings)
    reports = settings.reports
    for name in (*reports.methods, *reports.ablation, *reports.reconstruction):
        registry.get(name)
    return settings


def configure_method(spec: MethodSpec, settings: Settings) -> StrictModel:
    """Return the validated settings of a method: its family's, and over them its own."""
    family = getattr(settings, spec.family, None)
    layers = [] if family is None else [family.model_dump(exclude_unset=True)]
    return spec.configure(*layers, settings.methods.get(spec.name, {}))
