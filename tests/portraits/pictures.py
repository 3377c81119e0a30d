"""Pictures for the tests of reading them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from loho_bench.portraits.images import RejectedImage, load_rgb

SIDE = 80


def save(image: Image.Image, path: Path, **options) -> Path:
    """Write ``image`` and return where."""
    image.save(path, **options)
    return path


def reason(path: Path) -> str:
    """Return why a file is refused."""
    with pytest.raises(RejectedImage) as caught:
        load_rgb(path)
    assert str(path) in str(caught.value)
    return caught.value.reason
