"""Memory: counted against sizes that are known, read from systems made up, errors as PyTorch raises them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from loho_bench.methods.memory import free_bytes, is_out_of_memory, peak_bytes

CPU = torch.device("cpu")
MIB = 2**20


def block(mebibytes: int = 1) -> torch.Tensor:
    return torch.ones(mebibytes * MIB // 4)


def test_tensors_that_live_at_once_are_counted_together():
    def call():
        first = block(3)
        del first
        second, third = block(2), block(4)
        return second, third

    assert peak_bytes(call, CPU) == 6 * MIB


def test_views_and_changes_in_place_take_nothing():
    def call():
        whole = block(2)
        half = whole[: len(whole) // 2].view(2, -1)
        half.mul_(3)
        return whole.reshape(4, -1), half

    assert peak_bytes(call, CPU) == 2 * MIB


def test_what_was_there_before_does_not_count():
    before = block(8)
    assert peak_bytes(lambda: before[:5].mul_(2), CPU) == 0


@pytest.mark.parametrize(("training", "expected"), [(True, 4), (False, 2)])
def test_what_the_graph_keeps_is_alive(training, expected):
    """Sines keep their arguments: without a graph only one is needed at a time, beside its result."""
    start = block().requires_grad_(training)

    def call():
        value = start
        for _ in range(4):
            value = value.sin()
        return value

    assert peak_bytes(call, CPU) == expected * MIB


def test_the_backward_pass_counts():
    """The inner sine, its cosine, and the product of that with the gradient: one more than forwards."""
    start = block().requires_grad_()
    assert peak_bytes(lambda: start.sin().sin().sum(), CPU) == 2 * MIB + 4
    assert peak_bytes(lambda: start.sin().sin().sum().backward(), CPU) == 3 * MIB + 8


@pytest.fixture
def system(tmp_path) -> Path:
    """A machine with 8 GiB available, and a process in the group /job/step that no limit holds."""
    write(tmp_path / "proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\nHugePages_Total: 0\n")
    write(tmp_path / "proc/self/cgroup", "1:memory:/old\n0::/job/step\n")
    write(tmp_path / "sys/fs/cgroup/job/step/memory.max", "max\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def limit(folder: Path, most: int, used: int, files: int) -> None:
    write(folder / "memory.max", f"{most}\n")
    write(folder / "memory.current", f"{used}\n")
    write(folder / "memory.stat", f"anon {used - files}\nfile {files}\ninactive_file {files}\n")


def test_the_machine_says_what_is_available(system):
    assert free_bytes(CPU, system) == 8 * 2**30


def test_a_control_group_limits_it(system):
    limit(system / "sys/fs/cgroup/job", most=3 * 2**30, used=2**30, files=2**29)
    assert free_bytes(CPU, system) == 2.5 * 2**30
    limit(system / "sys/fs/cgroup/job/step", most=2**30, used=2**29, files=0)
    assert free_bytes(CPU, system) == 2**29


def test_the_only_group_of_a_container_is_the_top_one(system):
    write(system / "proc/self/cgroup", "0::/\n")
    limit(system / "sys/fs/cgroup", most=2**30, used=0, files=0)
    assert free_bytes(CPU, system) == 2**30


def test_a_limit_above_the_machine_limits_nothing(system):
    limit(system / "sys/fs/cgroup/job", most=2**40, used=2**30, files=0)
    assert free_bytes(CPU, system) == 8 * 2**30


def test_a_system_that_says_nothing_gives_half_of_its_memory(tmp_path):
    assert 2**28 < free_bytes(CPU, tmp_path) < 2**43
    assert free_bytes(CPU) < 2 * free_bytes(CPU, tmp_path)


def test_an_allocation_that_fails_is_told_from_other_errors():
    with pytest.raises(RuntimeError) as impossible:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(impossible.value)
    with pytest.raises(RuntimeError) as other:
        torch.ones(2) @ torch.ones(3)
    assert not is_out_of_memory(other.value)
    with pytest.raises(MemoryError) as python:
        bytearray(2**62)
    assert is_out_of_memory(python.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_out_of_memory(RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"))
    assert not is_out_of_memory(ValueError("can't allocate memory"))
