"""DeepFill v2's published weights as a PyTorch checkpoint, ``states_tf_places2.pth``.

The file holds the authors' own weights (Places2), converted from TensorFlow by
github.com/nipponjo/deepfillv2-pytorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from loho_bench.networks.inpainting import GatedInpainter
from loho_bench.weights.reading.checkpoints import load_strictly
from loho_bench.weights.reading.file_kinds import refusal
from loho_bench.weights.reading.state_dicts import read_state_dict

_GENERATOR = "G"
_SIZE = 512  # pixels: the authors' examples are about this high


def load_deepfillv2(path: str | Path) -> GatedInpainter:
    """Load the published inpainter (width 48), frozen.

    It attends as the authors' TensorFlow code does, favouring matches whose neighbours match too; the code
    that came with the converted file leaves that out.

    Parameters
    ----------
    path : str or Path
        The state dict of the generator under ``G``, beside which others may lie, or that state dict alone.

    Raises
    ------
    UserError
        The file is missing, broken, unsafe to read, or not of this network.
    """
    content = read_state_dict(path)
    tensors = content.get(_GENERATOR, content)
    if not isinstance(tensors, Mapping):
        cause = f"under '{_GENERATOR}' it holds a {type(tensors).__name__}, not tensors by name"
        raise refusal(Path(path), cause, "give the file as it was downloaded")
    network = GatedInpainter(size=_SIZE)
    load_strictly(network, tensors, path)
    return network.eval().requires_grad_(False)
