"""Portraits: the synthetic world, folders of photographs, and image conversions."""
