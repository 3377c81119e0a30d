"""What is recorded of an optimisation: a value per name, iteration and sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


class Traces:
    """Rows of ``[N]`` values on the device, copied to the host once; what is not recorded is nan."""

    def __init__(self, names: Sequence[str], steps: int, samples: int, device: torch.device) -> None:
        self._names = tuple(names)
        self._values = torch.full((len(names), steps, samples), torch.nan, device=device)

    def record(self, step: int, values: Mapping[str, Tensor]) -> None:
        """Keep ``values``, ``[N]`` each, as those of iteration ``step``; ValueError for an unknown name."""
        for name, value in values.items():
            self._values[self._names.index(name), step] = value

    def on_host(self) -> dict[str, Tensor]:
        """Give ``[steps, N]`` on the host by name."""
        return dict(zip(self._names, self._values.cpu(), strict=True))
