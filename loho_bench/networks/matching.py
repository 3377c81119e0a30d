"""Networks for given tensors, and how the tensors of a file differ from those of a network, in few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn

from loho_bench.errors import UserError

Network = TypeVar("Network", bound=nn.Module)

_EXAMPLES = 2  # of every kind of difference


@dataclass(frozen=True)
class Architecture:
    """A well-known network, told by the name of one of its tensors."""

    name: str
    marker: str


ARCHITECTURES = (
    Architecture("a StyleGAN2 generator", "to_rgb1.conv.weight"),
    Architecture("a StyleGAN2 generator with NVIDIA's names", "synthesis.b4.const"),
    Architecture("a StyleGAN3 generator", "synthesis.input.weight"),
    Architecture("a StyleGAN2 discriminator", "final_conv.0.weight"),
    Architecture("a StyleGAN2 checkpoint of several networks", "g_ema"),
    Architecture("Graphonomy", "xception_features.conv1.weight"),
    Architecture("VGG16", "features.28.weight"),
    Architecture("the linear heads of LPIPS", "lin0.model.1.weight"),
    Architecture("BiSeNet", "cp.resnet.conv1.weight"),
    Architecture("ParseNet", "encoder.0.conv2d.weight"),
    Architecture("a landmark network (FAN)", "conv_last0.weight"),
    Architecture("Inception-v3", "Mixed_5b.branch1x1.conv.weight"),
    Architecture("MichiGAN's generator", "backgroud_enc.conv1.conv.weight"),
    Architecture("an orientation inpainting network of MichiGAN", "middle.12.query_conv.weight"),
)


def network_for(
    build: Callable[[], Network], tensors: Mapping[str, Any], *, what: str, remedy: str
) -> Network:
    """Network that holds exactly ``tensors``, in its own dtype, on the CPU.

    Parameters
    ----------
    build : callable
        Makes the network; sizes that it reads from ``tensors`` may be missing or wrong.
    tensors : mapping of str to Tensor
    what, remedy : str
        For the error.

    Raises
    ------
    UserError
        Missing, unknown or misshapen tensors.
    """
    try:
        # No memory and no random numbers before the shapes are known to fit.
        with torch.device("meta"):
            network = build()
        difference = describe_difference(network, tensors)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        difference = f"no sizes can be read from them ({error})" + _hint(architecture_of(tensors))
    if difference:
        raise UserError(what, cause=difference, remedy=remedy)
    network.to_empty(device="cpu").load_state_dict(dict(tensors))
    return network


def architecture_of(tensors: Mapping[str, Any]) -> str:
    """Name of the known network that ``tensors`` look like, or an empty string."""
    return next((known.name for known in ARCHITECTURES if known.marker in tensors), "")


def describe_difference(network: nn.Module, tensors: Mapping[str, Any]) -> str:
    """One line that tells how ``tensors`` differ from ``network.state_dict()``; empty where they agree.

    Parameters
    ----------
    network : nn.Module
        May be on the meta device: only names and shapes are read.
    tensors : mapping of str to Tensor
        Values that are no tensors count as misshapen.

    Returns
    -------
    str
        The numbers of missing, unknown and misshapen tensors with up to two examples of each, and what the
        tensors look like if they are those of another known network.
    """
    wanted = {name: _shape(value) for name, value in network.state_dict().items()}
    found = {str(name): _shape(value) for name, value in tensors.items()}
    missing = sorted(wanted.keys() - found.keys())
    unknown = sorted(found.keys() - wanted.keys())
    misshapen = sorted(name for name in wanted.keys() & found.keys() if wanted[name] != found[name])
    if not (missing or unknown or misshapen):
        return ""
    examples = "; ".join(
        f"{name[:80]}: file {found.get(name, 'absent')}, network {wanted.get(name, 'absent')}"
        for names in (missing, unknown, misshapen)
        for name in names[:_EXAMPLES]
    )
    line = (
        f"{len(missing) + len(unknown) + len(misshapen)} tensors differ from the network's "
        f"({len(missing)} missing, {len(unknown)} unknown, {len(misshapen)} misshapen): {examples}"
    )
    other = architecture_of(found)
    return line if other == architecture_of(wanted) else line + _hint(other)


def _hint(architecture: str) -> str:
    return f"; the file looks like {architecture}" if architecture else ""


def _shape(value: Any) -> Any:
    shape = getattr(value, "shape", None)
    return f"no tensor ({type(value).__name__})" if shape is None else tuple(shape)
