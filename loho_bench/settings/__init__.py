"""Typed settings: unknown keys refused, ranges checked."""
