"""Memory of the device that computes: how much is free, how much a call takes, when there is too little."""

from __future__ import annotations

import gc
import os
import resource
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# What PyTorch's allocator on a processor, and CUDA and its libraries, say without a class of their own.
_MESSAGES = ("can't allocate memory", "CUDA error: out of memory", "STATUS_ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that there was too little memory, of a GPU or of the machine."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error) for message in _MESSAGES)


def release(device: torch.device) -> None:
    """Give back what nothing refers to any longer."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def free_bytes(device: torch.device, root: Path = Path("/")) -> int:
    """Return how many bytes a job may still take: of the GPU, or of the machine.

    A limit of a control group (version 2), as containers and batch systems set it, counts as the machine.
    ``root`` is where ``proc`` and ``sys`` lie.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min([_machine_bytes(root), *_group_bytes(root)])


def _machine_bytes(root: Path) -> int:
    facts = root / "proc/meminfo"
    if facts.is_file():
        return _table(facts)["MemAvailable:"] * 2**10
    # Systems without it do not say what is free: half of all there is.
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _group_bytes(root: Path) -> list[int]:
    """Return what is left of the limits of the process's control group and of those around it."""
    membership = root / "proc/self/cgroup"
    lines = membership.read_text().splitlines() if membership.is_file() else []
    names = [line.removeprefix("0::/") for line in lines if line.startswith("0::/")]
    top = root / "sys/fs/cgroup"
    left = []
    for group in [top / parent for name in names for parent in (Path(name), *Path(name).parents)]:
        limit = group / "memory.max"
        if limit.is_file() and limit.read_text().strip() != "max":
            # Files that were read count as used, and make room when it is needed.
            used = int((group / "memory.current").read_text())
            left.append(int(limit.read_text()) - used + _table(group / "memory.stat")["inactive_file"])
    return left


def _table(path: Path) -> dict[str, int]:
    return {line.split()[0]: int(line.split()[1]) for line in path.read_text().splitlines()}


def peak_bytes(call: Callable[[], Any], device: torch.device) -> int:
    """Return how many bytes of tensors ``call`` has at once, above those that there are before it."""
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        reset_peak(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    with _LiveBytes() as count:
        call()
    return count.peak


def reset_peak(device: torch.device) -> None:
    """Begin to measure :func:`peak_memory_mb` anew; a processor has no such thing."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory_mb(device: torch.device) -> float:
    """Return the peak memory in MiB: of the GPU since :func:`reset_peak`, or of this process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit = 1 if sys.platform == "darwin" else 2**10  # bytes on macOS, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


class _LiveBytes(TorchDispatchMode):
    """Counts the bytes of the tensors that operations make inside of it, each until it is freed.

    Resident memory would not do: freed memory stays with the process, and what it was before hides growth.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        for storage in _storages((args, kwargs)):
            self._remember(storage, 0)  # made before, if it is not remembered yet
        made = func(*args, **kwargs)
        for storage in _storages(made):
            self._remember(storage, storage.nbytes())
        self.peak = max(self.peak, sum(self._sizes.values()))
        return made

    def _remember(self, storage: torch.UntypedStorage, size: int) -> None:
        address = storage.data_ptr()
        if address not in self._sizes:
            self._sizes[address] = size
            weakref.finalize(storage, self._sizes.pop, address, None)


def _storages(values: Any) -> list[torch.UntypedStorage]:
    return [value.untyped_storage() for value in tree_leaves(values) if isinstance(value, Tensor)]
