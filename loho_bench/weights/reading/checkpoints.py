"""Checkpoints in PyTorch's formats and in safetensors: read without executing anything, loaded whole."""

from __future__ import annotations

import argparse
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from loho_bench.networks.matching import describe_difference
from loho_bench.weights.reading.file_kinds import Kind, kind_of, refusal
from loho_bench.weights.reading.inert_pickle import PickleRefusal, read_pickle

# Training scripts keep their command line beside the weights: a Namespace holds values and does nothing.
_HARMLESS_GLOBALS = [argparse.Namespace]
_AGAIN = "download or copy the file again"
_FORBIDDEN_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")


def read_checkpoint(path: str | Path) -> Any:
    """Return what a checkpoint holds, usually a dict of tensors; the content decides how, not the suffix.

    Parameters
    ----------
    path : str or Path
        A file written by ``torch.save`` (of any version, from any device) or by safetensors.

    Returns
    -------
    object
        As saved, with every tensor on the CPU in its own dtype. Only tensors, containers, numbers, text and
        ``argparse.Namespace`` can occur: PyTorch's restricted reader executes nothing.

    Raises
    ------
    UserError
        Missing, empty, truncated or of another kind; or its pickle names something that is not allowed.
    """
    path = Path(path)
    kind = kind_of(path)
    if kind is Kind.SAFETENSORS:
        try:
            return load_file(path, device="cpu")
        except SafetensorError as error:
            raise refusal(path, f"not a whole safetensors file: {error}", _AGAIN) from error
    if kind is Kind.PICKLE:
        raise refusal(path, _what_a_pickle_is(path), "give a checkpoint of tensors, from a source you trust")
    if kind is Kind.TORCH_ZIP:
        _check_archive(path)
    try:
        # A stream, because PyTorch goes by the suffix of a path.
        with path.open("rb") as stream, torch.serialization.safe_globals(_HARMLESS_GLOBALS):
            return torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # broken bytes make PyTorch raise errors of any kind
        if forbidden := _FORBIDDEN_GLOBAL.search(str(error)):
            cause = f"its pickle names {forbidden[1]}, which a checkpoint of weights does not need"
            raise refusal(path, cause, "give a file from a source you trust; nothing was executed") from error
        detail = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise refusal(path, f"broken or truncated: {detail}", _AGAIN) from error


def load_strictly(network: nn.Module, tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Load ``tensors`` into ``network``, or say in a few lines how the two differ and change nothing.

    Parameters
    ----------
    network : nn.Module
        Its state dict must have exactly the names and shapes of ``tensors``.
    tensors : mapping of str to Tensor
    path : str or Path
        Where the tensors came from, for the message.

    Raises
    ------
    UserError
        Missing, unknown or misshapen tensors.
    """
    if difference := describe_difference(network, tensors):
        raise refusal(path, difference, "use the file that belongs to this network and version")
    network.load_state_dict(dict(tensors))


def strip_prefix(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return ``state`` without ``prefix`` (``"module."`` of parallel training) if all names begin with it."""
    if state and all(str(name).startswith(prefix) for name in state):
        return {name.removeprefix(prefix): value for name, value in state.items()}
    return dict(state)


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise refusal(path, f"truncated: not a whole zip archive ({error})", _AGAIN) from error
    inside = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inside:
        cause = "it is a TorchScript archive: a program, where weights are needed"
        raise refusal(path, cause, "give the state dict instead")
    if "data.pkl" not in inside:
        cause = "it is a zip archive that PyTorch did not write"
        raise refusal(path, cause, "unpack it if it contains the checkpoint, and give that file")


def _what_a_pickle_is(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            read_pickle(stream, allowed=frozenset())
    except PickleRefusal as error:
        if error.name.startswith(("torch_utils.", "dnnlib.")):
            return "it is a pickle of NVIDIA's networks, which only the loader of StyleGAN2 generators reads"
        return f"it is a Python pickle, and {error}"
    return "it is a Python pickle of plain values, without tensors"
