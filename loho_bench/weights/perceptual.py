"""The networks of the perceptual losses: torchvision's VGG16 and the heads of the ``lpips`` package."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, TypeVar

from loho_bench.errors import UserError
from loho_bench.networks.lpips import Lpips, LpipsHeads
from loho_bench.networks.vgg import Vgg16
from loho_bench.weights.reading.file_kinds import refusal
from loho_bench.weights.reading.state_dicts import read_state_dict

_HEADS_FILE = Path("weights", "v0.1", "vgg.pth")

Network = TypeVar("Network", Vgg16, LpipsHeads)


def load_vgg16(path: str | Path) -> Vgg16:
    """Return VGG16's thirteen convolutions from torchvision's file, frozen, float32, on the CPU.

    ``features.*`` is loaded, ``classifier.*`` is left out.

    Raises
    ------
    UserError
        The file is missing, broken, or of another network.
    """
    return _load(Vgg16, path)


def load_lpips_heads(path: str | Path | None = None) -> LpipsHeads:
    """Return the linear heads of LPIPS 0.1 for VGG16, frozen.

    Parameters
    ----------
    path : str or Path, optional
        The published ``vgg.pth``; None takes the one in the installed ``lpips`` package.

    Raises
    ------
    UserError
        There is no such package or file, or it holds something else.
    """
    return _load(LpipsHeads, installed_heads() if path is None else path)


def load_lpips(vgg_path: str | Path, heads_path: str | Path | None = None) -> Lpips:
    """Return LPIPS 0.1 of VGG16; see :func:`load_vgg16` and :func:`load_lpips_heads`."""
    return Lpips(load_vgg16(vgg_path), load_lpips_heads(heads_path)).eval().requires_grad_(False)


def installed_heads() -> Path:
    """Path of the heads in the installed ``lpips`` package, which is found without being imported.

    Raises
    ------
    UserError
        The package is not installed, or has no such file.
    """
    package = importlib.util.find_spec("lpips")
    for folder in (package.submodule_search_locations if package else None) or ():
        if (path := Path(folder) / _HEADS_FILE).is_file():
            return path
    raise UserError(
        "cannot find the linear heads of LPIPS",
        cause=f"the package 'lpips' is {'damaged' if package else 'not installed'}",
        remedy="run 'pip install lpips', or name its file weights/v0.1/vgg.pth in the settings",
    )


def _load(network: type[Network], path: str | Path) -> Any:
    tensors = read_state_dict(path)
    try:
        return network.from_state_dict(tensors)
    except UserError as error:
        raise refusal(path, error.cause, error.remedy) from error
