"""A few portraits of an evaluation, and an annotator that knows the answers."""

from __future__ import annotations

import pytest
from oracles import Oracle

from loho_bench.evaluation.world import FAMILY
from loho_bench.training.dataset import PortraitDataset, _render_block


@pytest.fixture(scope="session")
def portraits() -> PortraitDataset:
    """60 portraits, in memory."""
    return PortraitDataset(**_render_block((7, 0, 60), family=FAMILY))


@pytest.fixture(scope="session")
def oracle(portraits) -> Oracle:
    """Knows their labels and landmarks."""
    return Oracle(portraits.images, portraits.labels, portraits.landmarks)
