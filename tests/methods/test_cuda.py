"""What only a GPU can show: the same numbers as a processor's, its precisions, its memory running out."""

from __future__ import annotations

import copy
import dataclasses
from types import SimpleNamespace

import pytest
import torch
from runner_world import COUNT, Mix, install, run

from loho_bench.methods import batching, runner
from loho_bench.methods.loho.method import Loho
from loho_bench.methods.memory import free_bytes, peak_bytes, release
from loho_bench.methods.precision import allow_tf32, choose_precision
from loho_bench.methods.protocol import Resources, Transfer, TupleBatch
from loho_bench.settings.loho import LohoSettings, LossWeights

pytestmark = pytest.mark.gpu

GPU = torch.device("cuda")
SETTINGS = LohoSettings(
    steps_stage_one=3,
    steps_stage_two=3,
    style_resolution=32,
    weights=LossWeights(structure=1, appearance=1, style=100, noise=1),
)


@pytest.fixture
def on_gpu(resources) -> Resources:
    """The small networks on the GPU."""
    moved = {name: copy.deepcopy(getattr(resources, name)).to(GPU) for name in ("generator", "lpips")}
    yield dataclasses.replace(resources, **moved, device=GPU)
    allow_tf32(False)


def test_float32_is_that_of_the_processor(resources, on_gpu, batch):
    expected = Loho(SETTINGS, resources).transfer(batch)
    allow_tf32(False)
    found = Loho(SETTINGS, on_gpu).transfer(batch)
    assert found.images.device.type == "cuda"
    assert (found.images.cpu() - expected.images).abs().max() < 1e-2
    for name in ("face", "structure", "noise"):
        assert torch.allclose(found.traces[name].cpu(), expected.traces[name], rtol=1e-3), name


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_reduced_precision_stays_near(on_gpu, batch, precision):
    if torch.cuda.get_device_capability(GPU) < (8, 0):
        pytest.skip("this GPU has neither TensorFloat-32 nor bfloat16")
    assert choose_precision(precision, GPU) == precision
    allow_tf32(False)
    exact = Loho(SETTINGS, on_gpu).transfer(batch).traces["face"][0]
    allow_tf32(precision == "tf32")
    reduced = Loho(SETTINGS, dataclasses.replace(on_gpu, precision=precision)).transfer(batch)
    assert reduced.images.isfinite().all()
    assert torch.allclose(reduced.traces["face"][0], exact, rtol=0.05)
    assert not torch.equal(reduced.traces["face"][0], exact)


def test_recorded_iterations_give_what_others_give(on_gpu, batch):
    allow_tf32(False)
    expected = Loho(SETTINGS, on_gpu).transfer(batch)
    found = Loho(SETTINGS, dataclasses.replace(on_gpu, cuda_graphs=True)).transfer(batch)
    assert (found.foreground - expected.foreground).abs().max() < 1e-2
    for name in ("face", "structure", "style", "noise"):
        assert torch.allclose(found.traces[name], expected.traces[name], rtol=1e-3, equal_nan=True), name


def block() -> torch.Tensor:
    return torch.empty(2**28, dtype=torch.uint8, device=GPU)


def test_peak_and_free_memory():
    release(GPU)
    before = free_bytes(GPU)
    held = block()
    assert before - free_bytes(GPU) >= held.nbytes
    assert peak_bytes(lambda: (block(), block()), GPU) == 2 * held.nbytes
    del held
    release(GPU)
    assert before - free_bytes(GPU) < 2**28


@pytest.mark.parametrize("wanted", [4, "auto"])
def test_memory_that_runs_out_halves_the_batch(world, monkeypatch, wanted):
    """The process may take 5 units of the GPU's memory, and a tuple takes 2."""
    unit = torch.cuda.get_device_properties(GPU).total_memory // 100

    class Greedy(Mix):
        def transfer(self, batch: TupleBatch) -> Transfer:
            torch.empty(2 * unit * len(batch), dtype=torch.uint8, device=GPU)
            return super().transfer(batch)

    install(monkeypatch.setattr, method=Greedy)
    resources = SimpleNamespace(device=GPU, precision="float32")
    monkeypatch.setattr(runner, "load_resources", lambda settings, jobs: resources)
    monkeypatch.setattr(batching, "free_bytes", lambda device: 5 * unit)
    release(GPU)
    torch.cuda.set_per_process_memory_fraction(0.05, GPU)
    try:
        rows = run(batch_size=wanted)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, GPU)
    assert list(rows["status"]) == ["ok"] * COUNT
    assert list(rows["batch_size"]) == [2, 2, 2, 2, 1]
    assert rows["peak_memory_mb"].between(2 * unit / 2**20, 5 * unit / 2**20).all()
