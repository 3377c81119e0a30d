"""Graphonomy's published checkpoint, ``inference.pth``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from loho_bench.networks.graphonomy import INERT_WEIGHTS, TransferGraphonomy
from loho_bench.weights.reading.checkpoints import load_strictly, strip_prefix
from loho_bench.weights.reading.state_dicts import read_state_dict

_COUNTER = "num_batches_tracked"


def load_graphonomy(path: str | Path) -> TransferGraphonomy:
    """Load the published network (CIHP's 20 classes, taught by PASCAL's 7), frozen.

    Parameters
    ----------
    path : str or Path
        A flat state dict. Its keys may begin with ``module.``; the counters of its batch normalisations may
        be absent (PyTorch 0.4 had none); the source graph may have its names from before the transfer.

    Raises
    ------
    UserError
        The file is missing, broken, unsafe to read, or not of this network.
    """
    state = read_state_dict(path)
    network = TransferGraphonomy()
    load_strictly(network, published_tensors(state, network), path)
    return network.eval().requires_grad_(False)


def published_tensors(state: Mapping[str, Tensor], network: TransferGraphonomy) -> dict[str, Tensor]:
    """Return the tensors of a published state dict under the names of ``network``.

    Tensors that no output depends on are left out, and counters that the file lacks are the network's own.
    """
    counters = {name: value for name, value in network.state_dict().items() if name.endswith(_COUNTER)}
    renamed = {_present_name(name): value for name, value in strip_prefix(state, "module.").items()}
    return counters | {name: value for name, value in renamed.items() if name not in INERT_WEIGHTS}


def _present_name(name: str) -> str:
    """Return the name in the transferred network of a tensor of the source network, or the name as it is."""
    if any(part in name for part in ("source", "target", "fc_", "transpose_graph")):
        return name
    if "featuremap_2_graph" in name:
        return name.replace("featuremap_2_graph", "source_featuremap_2_graph")
    return name.replace("graph", "source_graph")
