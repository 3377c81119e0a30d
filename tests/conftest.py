"""Shared fixtures: reference data that lies outside the repository, skipped where absent."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

_REFERENCE = Path(os.environ.get("LOHO_BENCH_REFERENCE", Path(__file__).parents[2] / "shared"))


def _reference_folder(name: str) -> Path:
    folder = _REFERENCE / name
    if not folder.is_dir():
        pytest.skip(f"reference data '{name}' is not here (set LOHO_BENCH_REFERENCE to its parent)")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none."""
    waiting = [item for item in items if item.get_closest_marker("gpu")]
    if waiting:
        import torch

        if not torch.cuda.is_available():
            for item in waiting:
                item.add_marker(pytest.mark.skip(reason="PyTorch sees no GPU here"))


@pytest.fixture(autouse=True)
def _plain_arithmetic():
    """Undo what commands run inside a test set for the whole process: denormal numbers count again."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of numbers computed with the official implementations."""
    return _reference_folder("golden")


@pytest.fixture(scope="session")
def ffhq() -> Path:
    """Folder of eight FFHQ portraits with Graphonomy masks and landmarks."""
    return _reference_folder("ffhq")
