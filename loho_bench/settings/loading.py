"""From a YAML or JSON file, or a JSON text, to validated settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from loho_bench.errors import UserError
from loho_bench.settings.base import describe_problems
from loho_bench.settings.project import Settings


def load_settings(source: str | Path | None = None) -> Settings:
    """Validate settings.

    Parameters
    ----------
    source : str or Path, optional
        Path of a YAML or JSON file, or a JSON object as text; groups that it leaves out keep their
        defaults.

    Raises
    ------
    UserError
        The file is missing or broken, a key is unknown or a value is out of its range.
    """
    return validate_settings(_read(source), origin="the settings" if _is_inline(source) else str(source))


def validate_settings(values: dict[str, Any], origin: str = "the settings") -> Settings:
    """Return ``values`` as :class:`Settings`, or say which of them cannot be used and why."""
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise UserError(
            f"{origin} cannot be used",
            cause=describe_problems(error, "top level"),
            remedy="correct these settings; docs/settings.md lists all of them with their ranges",
        ) from error


def _is_inline(source: str | Path | None) -> bool:
    return source is None or str(source).lstrip().startswith("{")


def _read(source: str | Path | None) -> dict[str, Any]:
    if source is None:
        return {}
    if _is_inline(source):
        try:
            return json.loads(str(source))
        except json.JSONDecodeError as error:
            raise UserError(
                "the settings given as text cannot be read",
                cause=f"not JSON: {error}",
                remedy='give a JSON object such as {"seed": 1}, or the path of a YAML file',
            ) from error
    path = Path(source)
    if not path.is_file():
        raise UserError(
            f"cannot read the settings {path}",
            cause="there is no such file",
            remedy="give the path of a YAML file such as config/default.yaml",
        )
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(
            f"cannot read the settings {path}", cause=str(error), remedy="correct the YAML"
        ) from error
    return values or {}
