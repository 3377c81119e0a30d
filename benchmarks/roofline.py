"""How fast could this machine do it? Operations and bytes counted, ceilings measured.

Every operation needs at least the longer of two times: that of its arithmetic at the machine's best rate, and
that of reading its inputs and writing its outputs once at the memory's best rate. Their sum is the roofline;
what lies in a cache between two operations can beat it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from measuring import median_seconds
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


@dataclass(frozen=True)
class Ceilings:
    """What the machine does at best, with the threads set: operations and bytes per second."""

    operations: float
    bytes: float

    @classmethod
    @torch.no_grad()
    def measure(cls, device: torch.device, dtype: torch.dtype) -> Ceilings:
        """Measure with a convolution and a matrix product of full size, and a factor on a long vector."""
        maps = torch.randn(4, 512, 64, 64, device=device, dtype=dtype)
        maps = maps.contiguous(memory_format=torch.channels_last)
        kernel = torch.randn(512, 512, 3, 3, device=device, dtype=dtype)
        kernel = kernel.contiguous(memory_format=torch.channels_last)
        matrix = torch.randn(4096, 4096, device=device, dtype=dtype)
        vector = torch.randn(2**27, device=device)
        by_convolution = median_seconds(lambda: F.conv2d(maps, kernel, padding=1), 3)
        by_product = median_seconds(lambda: matrix @ matrix, 3)
        by_vector = median_seconds(lambda: vector.mul_(1.0), 3)
        rates = (2 * 4 * 512 * 512 * 9 * 64**2 / by_convolution, 2 * 4096**3 / by_product)
        return cls(operations=max(rates), bytes=2 * vector.nbytes / by_vector)


class _Counter(TorchDispatchMode):
    """Adds up what every operation needs at least."""

    def __init__(self, ceilings: Ceilings) -> None:
        super().__init__()
        self.ceilings, self.operations, self.bytes, self.seconds = ceilings, 0, 0, 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func.is_view:
            return out
        count = flop_registry.get(func._overloadpacket)
        operations = count(*args, **(kwargs or {}), out_val=out) if count else 0
        moved = sum(leaf.nbytes for leaf in tree_leaves((args, out)) if isinstance(leaf, Tensor))
        self.operations += operations
        self.bytes += moved
        self.seconds += max(operations / self.ceilings.operations, moved / self.ceilings.bytes)
        return out


def count(function: Callable[[], Any], ceilings: Ceilings) -> dict[str, float]:
    """Return operations, bytes and least seconds of one call."""
    with _Counter(ceilings) as counter:
        function()
    return {"operations": counter.operations, "bytes": counter.bytes, "seconds": counter.seconds}
