"""A picture that any test may write to a file."""

from __future__ import annotations

import numpy as np
import pytest
from portraits.pictures import SIDE


@pytest.fixture
def picture() -> np.ndarray:
    """A random RGB picture, uint8 [80, 80, 3]."""
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
