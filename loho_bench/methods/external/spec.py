"""What the registry knows of a method that another program computes."""

from __future__ import annotations

from loho_bench.errors import UserError, suggest
from loho_bench.methods.registry import MethodSpec
from loho_bench.settings.base import StrictModel
from loho_bench.settings.external import ExternalSettings
from loho_bench.settings.project import Settings


class NoSettings(StrictModel):
    """The group ``methods`` sets nothing of such a method; its entry in ``external`` says it all."""


def external_spec(name: str, entry: ExternalSettings) -> MethodSpec:
    """Declare the method ``name`` as its settings describe it: it is never built here."""
    abilities = {"transfer": True, "reconstruction": entry.reconstructs, "editing": entry.edits}
    return MethodSpec(
        name=name,
        label=entry.label or name,
        description=entry.description,
        settings=NoSettings,
        build=None,
        tasks=tuple(task for task, able in abilities.items() if able),
        version=entry.version,
        citation=entry.citation,
    )


def external_entry(name: str, settings: Settings) -> ExternalSettings:
    """Return the entry of a method in ``settings.external``; a UserError where there is none."""
    if name not in settings.external:
        raise UserError(
            f"the settings know no method '{name}' from outside.{suggest(name, settings.external)}",
            cause="the group 'external' has no entry of this name",
            remedy=f"give the settings with --settings config/{name}.yaml, or start with "
            f"'loho-bench new-method {name}'",
        )
    return settings.external[name]
