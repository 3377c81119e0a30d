"""The methods that come with this package, and those that settings bring from outside."""

from __future__ import annotations

from loho_bench.errors import UserError
from loho_bench.methods import answer, paste
from loho_bench.methods.external.spec import external_spec
from loho_bench.methods.image2stylegan import variants as image2stylegan
from loho_bench.methods.loho import variants as loho
from loho_bench.methods.michigan import method as michigan
from loho_bench.methods.registry import Registry
from loho_bench.settings.project import Settings


def default_registry() -> Registry:
    """Give a registry of all methods of this package."""
    registry = Registry()
    for spec in (*loho.SPECS, *image2stylegan.SPECS, michigan.SPEC, paste.SPEC, answer.SPEC):
        registry.register(spec)
    return registry


def registry_for(settings: Settings) -> Registry:
    """Give a registry of all methods of this package and of those in ``settings.external``.

    Raises
    ------
    UserError
        A method from outside has the name of one of this package.
    """
    registry = default_registry()
    for name, entry in settings.external.items():
        if name in registry.names():
            raise UserError(
                f"the name '{name}' in the group 'external' is taken",
                cause="a method of this package is called so",
                remedy="choose another name",
            )
        registry.register(external_spec(name, entry))
    return registry
