"""torchvision and clean-fid import in a fresh process, whatever the build of PyTorch."""

import subprocess
import sys

import pytest

from loho_bench import compat

FRESH_PROCESS = """
import sys
import loho_bench.compat, loho_bench.metrics, loho_bench.metrics.fid
assert "torchvision" not in sys.modules and "cleanfid" not in sys.modules
assert loho_bench.compat.prepare_torchvision.cache_info().currsize == 0

loho_bench.compat.prepare_torchvision()
loho_bench.compat.prepare_torchvision()
import torchvision
import cleanfid.fid
import torch
print(torch.ops.torchvision.nms.default._schema)
"""


def test_fresh_process_imports_torchvision_when_asked_and_not_before():
    result = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(
        "torchvision::nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    )


def test_nothing_is_defined_where_the_native_library_loads(monkeypatch):
    monkeypatch.setattr(compat, "_native_library_loads", lambda: True)
    monkeypatch.setattr(
        compat.torch.library, "Library", lambda *_: pytest.fail("defined over the native library")
    )
    assert compat.prepare_torchvision.__wrapped__() is None
