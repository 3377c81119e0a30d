"""The generator inside NVIDIA's training snapshots, without running the source code that they carry.

StyleGAN2-ADA and StyleGAN3 save networks with a pickle that rebuilds every module from a copy of its source
text (``torch_utils/persistence.py`` of NVlabs/stylegan2-ada-pytorch). The text is skipped here: only the
tensors and plain attributes of ``G_ema`` are looked up in the records that
:mod:`loho_bench.weights.reading.inert_pickle` makes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from loho_bench.weights.reading.file_kinds import TORCH_MAGIC, refusal
from loho_bench.weights.reading.inert_pickle import Call, Global, PickleRefusal, read_pickle

_PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
_PARAMETER = "torch._utils._rebuild_parameter"
_TENSOR = "torch._utils._rebuild_tensor_v2"
_STORAGE = "torch.storage._load_from_bytes"
_TENSORFLOW = "dnnlib.tflib.network.Network"
_ALLOWED = frozenset(
    {
        _PERSISTENT,
        _PARAMETER,
        _TENSOR,
        _STORAGE,
        "dnnlib.util.EasyDict",
        "dnnlib.EasyDict",
        "collections.OrderedDict",
        "builtins.set",
        "numpy.dtype",
        "numpy.ndarray",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
        # Arrays occur in StyleGAN3's networks: they are read so that these can be refused by their own name.
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray._reconstruct",
    }
)
_STORAGE_DTYPES = {
    f"{module}.{name}Storage": np.dtype(dtype)
    for module in ("torch", "torch.cuda")
    for name, dtype in {"Float": "<f4", "Half": "<f2", "Double": "<f8", "Long": "<i8"}.items()
}
_SYSTEM_PROTOCOL = 1001
_DEEPEST = 8  # levels of modules inside modules


@dataclass(frozen=True)
class PickledNetwork:
    """A network of nested modules, taken apart.

    Attributes
    ----------
    classes : dict of str
        Class name of every module by its full name; the network itself has the name ``""``.
    attributes : dict of dict
        Attributes of every module, likewise; those that are no plain values are inert records.
    tensors : dict of Tensor
        Parameters and buffers by their full names.
    """

    classes: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict[str, Any]] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)


def read_generator(path: str | Path) -> PickledNetwork:
    """Return the averaged generator ``G_ema`` of a snapshot.

    Parameters
    ----------
    path : str or Path
        A ``.pkl`` of stylegan2-ada-pytorch or stylegan3: pickle protocol 2 to 5, names of NumPy 1 or 2.

    Returns
    -------
    PickledNetwork
        Tensors are on the CPU in the dtype of the file.

    Raises
    ------
    UserError
        Not such a file, truncated, or a pickle that names anything which such files do not contain.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            contents = read_pickle(stream, _ALLOWED)
        if not isinstance(contents, dict) or "G_ema" not in contents:
            raise PickleRefusal("has no entry 'G_ema'")
        network = PickledNetwork()
        _add(network, contents["G_ema"], "", set())
        return network
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, RuntimeError) as error:
        if getattr(error, "name", "") == _TENSORFLOW:
            cause = "it is a pickle of the TensorFlow version of StyleGAN2"
            raise refusal(path, cause, "give NVIDIA's PyTorch pickle, or a converted .pt file") from error
        remedy = "download the snapshot again, from a source you trust"
        detail = error if isinstance(error, PickleRefusal) else f"is damaged: {str(error)[:120]}"
        raise refusal(path, f"the pickle {detail}", remedy) from error


def _add(network: PickledNetwork, module: Any, name: str, seen: set[int]) -> None:
    if id(module) in seen or name.count(".") > _DEEPEST:
        raise PickleRefusal("holds a module inside itself, or one module twice")
    seen.add(id(module))
    meta = _dict(_arguments(module, _PERSISTENT)[0])
    state = _dict(meta.get("state"))
    network.classes[name], network.attributes[name] = str(meta.get("class_name")), state
    prefix = f"{name}." if name else ""
    for key, value in (_dict(state.get("_parameters")) | _dict(state.get("_buffers"))).items():
        if value is not None:
            network.tensors[f"{prefix}{key}"] = _tensor(value)
    for key, child in _dict(state.get("_modules")).items():
        if child is not None:
            _add(network, child, f"{prefix}{key}", seen)


def _tensor(value: Any) -> Tensor:
    if isinstance(value, Call) and value.name == _PARAMETER:
        value = value.arguments[0]
    storage, offset, size, stride = _arguments(value, _TENSOR)[:4]
    flat = _storage(_arguments(storage, _STORAGE)[0])
    counts = (offset, *size, *stride)
    if len(size) != len(stride) or any(type(count) is not int or count < 0 for count in counts):
        raise PickleRefusal("is damaged: a tensor has no proper shape")
    elements = int(np.prod(size, dtype=object)) if size else 1
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if elements and (elements > flat.numel() or last >= flat.numel()):
        raise PickleRefusal("is damaged: a tensor is larger than its data")
    return flat.as_strided(size, stride, offset).contiguous()


def _storage(data: Any) -> Tensor:
    """The elements [n] of a storage in PyTorch's old format: five pickles, a count, the raw numbers."""
    if not isinstance(data, bytes):
        raise PickleRefusal("is damaged: the numbers of a tensor are missing")
    stream = io.BytesIO(data)
    magic, version, system = (read_pickle(stream, frozenset()) for _ in range(3))
    if magic != TORCH_MAGIC or version != _SYSTEM_PROTOCOL or not _dict(system).get("little_endian"):
        raise PickleRefusal("holds tensors in an unknown format")
    (identity,) = _arguments(read_pickle(stream, _STORAGE_DTYPES), "persistent id")
    read_pickle(stream, frozenset())  # the list of keys, here of one
    tag, kind, _, _, count = identity[:5]
    if tag != "storage" or not isinstance(kind, Global):
        raise PickleRefusal("holds tensors in an unknown format")
    dtype = _STORAGE_DTYPES[kind.name]
    start = stream.tell() + 8
    written = int.from_bytes(data[start - 8 : start], "little")
    if type(count) is not int or written != count or len(data) - start != count * dtype.itemsize:
        raise PickleRefusal("is damaged: a tensor has another length than announced")
    return torch.from_numpy(np.frombuffer(data, dtype, count, start).copy())


def _arguments(value: Any, name: str) -> tuple[Any, ...]:
    if not isinstance(value, Call) or value.name != name:
        raise PickleRefusal(f"is damaged: {name} is missing where it should stand")
    return value.arguments


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PickleRefusal(f"is damaged: a {type(value).__name__} stands where a dict should")
    return value
