"""The methods that come with this package."""

from __future__ import annotations

from loho_bench.methods.loho.variants import VARIANTS
from loho_bench.methods.registry import Registry


def default_registry() -> Registry:
    """Give a registry of all methods of this package."""
    registry = Registry()
    for spec in VARIANTS:
        registry.register(spec)
    return registry
