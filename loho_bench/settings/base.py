"""What every group of settings shares: unknown keys refused, with the nearest known name."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from loho_bench.errors import suggest


class StrictModel(BaseModel):
    """A frozen group of settings that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for key in values:
                if key not in cls.model_fields:
                    raise ValueError(f"unknown setting '{key}'.{suggest(str(key), cls.model_fields)}")
        return values


def describe_problems(error: ValidationError, whole: str) -> str:
    """Return what is wrong with settings, in one line; ``whole`` names the group itself."""
    return "; ".join(
        f"{'.'.join(map(str, item['loc'])) or whole}: {item['msg'].removeprefix('Value error, ')}"
        for item in error.errors()
    )
