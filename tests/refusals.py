"""What every refusal owes its reader."""

from __future__ import annotations

import pytest

from loho_bench.errors import UserError


def refusal(error: pytest.ExceptionInfo[UserError]) -> str:
    """The message, once it is sure to say what, why and what to do."""
    assert error.value.what
    assert error.value.cause
    assert error.value.remedy
    return str(error.value)
