"""A few rendered portraits."""

from __future__ import annotations

import pytest

from loho_bench.training.dataset import PortraitDataset, _render_block


@pytest.fixture(scope="session")
def portraits() -> PortraitDataset:
    """40 training portraits, in memory."""
    return PortraitDataset(**_render_block((5, 0, 40)))
