"""The one file that the tests of fetching want, and a fetch that must fail."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from refusals import refusal

from loho_bench.errors import UserError
from loho_bench.weights.published.downloading import Patience
from loho_bench.weights.published.fetching import fetch
from loho_bench.weights.published.store import WeightStore

CONTENT = np.random.default_rng(0).bytes(400_000)
OTHER = np.random.default_rng(1).bytes(400_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HASTY = Patience(connect=2, read=2, attempts=3, pause=0.01)
NAME, FILE = "net", f"net-{SHA256[:8]}.pth"


def refused(store: WeightStore) -> str:
    """The refusal of a fetch that leaves nothing under the final name."""
    with pytest.raises(UserError) as error:
        fetch(NAME, store, HASTY)
    assert not (store.target / FILE).exists()
    return refusal(error)
