"""Writes a generator the way NVIDIA's training code saves its snapshots, names and encoding included."""

from __future__ import annotations

import pickle
import sys
import types
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from loho_bench.networks.stylegan2 import Generator

SOURCE = "raise RuntimeError('the source inside a snapshot was executed')"


def small_generator(size: int = 16, **options: Any) -> Generator:
    """A narrow generator with every kind of weight switched on, frozen."""
    torch.manual_seed(4)
    channels = {4: 6, 8: 5, 16: 4, 32: 3}
    generator = Generator(size, 7, 3, {r: c for r, c in channels.items() if r <= size}, **options)
    with torch.no_grad():
        for name, value in generator.named_parameters():
            if name.endswith(("noise.weight", "bias")):
                value.normal_(0, 0.5)
    return generator.eval().requires_grad_(False)


def _reconstruct_persistent_obj(meta: dict[str, Any]) -> None:
    raise AssertionError("a writer of pickles never calls this")


class EasyDict(dict):
    """Stands for NVIDIA's dictionary class."""


class Persistent:
    """A module as a snapshot holds it: its source text, its class name and its attributes."""

    def __init__(self, class_name: str, state: dict[str, Any], source: str = SOURCE) -> None:
        self.meta = {"type": "class", "version": 6, "module_src": source, "class_name": class_name}
        self.meta["state"] = state

    def __reduce__(self) -> tuple[Any, ...]:
        return _reconstruct_persistent_obj, (self.meta,)


def module(
    class_name: str,
    parameters: dict[str, Tensor] | None = None,
    buffers: dict[str, Tensor] | None = None,
    modules: dict[str, Persistent] | None = None,
    **attributes: Any,
) -> Persistent:
    """A persistent module with PyTorch's usual attributes."""
    state = {"training": False, "_parameters": parameters or {}}
    state |= {"_buffers": buffers or {}, "_non_persistent_buffers_set": set(), "_modules": modules or {}}
    return Persistent(class_name, state | attributes)


def snapshot(generator: Generator, average: Tensor | None = None, clamp: Any = None) -> Persistent:
    """The generator as the module ``G_ema`` of a snapshot, by the correspondence of names alone."""
    state = generator.state_dict()
    size, dimension = generator.size, generator.style_dim

    def affine(prefix: str) -> dict[str, Persistent]:
        values = {kind: state[f"{prefix}.conv.modulation.{kind}"] for kind in ("weight", "bias")}
        return {"affine": module("FullyConnectedLayer", values, activation="linear", bias_gain=1)}

    def convolution(prefix: str, layer: int) -> Persistent:
        parameters = {
            "weight": torch.nn.Parameter(state[f"{prefix}.conv.weight"][0]),
            "noise_strength": state[f"{prefix}.noise.weight"][0],
            "bias": state[f"{prefix}.activate.bias"],
        }
        kernel = state["to_rgbs.0.upsample.kernel"] / 4
        buffers = {"resample_filter": kernel, "noise_const": state[f"noises.noise_{layer}"][0, 0]}
        common = {"activation": "lrelu", "use_noise": True, "act_gain": np.sqrt(np.float64(2))}
        return module("SynthesisLayer", parameters, buffers, affine(prefix), conv_clamp=clamp, **common)

    def block(level: int) -> Persistent:
        rgb = f"to_rgbs.{level - 1}" if level else "to_rgb1"
        convolutions = {f"conv{k}": (f"convs.{2 * level - 2 + k}", 2 * level - 1 + k) for k in (0, 1)}
        if not level:
            convolutions = {"conv1": ("conv1", 0)}
        modules = {name: convolution(*where) for name, where in convolutions.items()}
        values = {"weight": state[f"{rgb}.conv.weight"][0], "bias": state[f"{rgb}.bias"].flatten()}
        modules["torgb"] = module("ToRGBLayer", values, None, affine(rgb), conv_clamp=clamp)
        parameters = {} if level else {"const": state["input.input"][0]}
        kernel = {"resample_filter": state["to_rgbs.0.upsample.kernel"] / 4}
        return module("SynthesisBlock", parameters, kernel, modules, architecture="skip")

    blocks = {f"b{r}": block(level) for level, r in enumerate(generator.resolutions)}
    layers = {}
    for i in range(sum(key.startswith("style.") and key.endswith("weight") for key in state)):
        values = {kind: state[f"style.{i + 1}.{kind}"] for kind in ("weight", "bias")}
        layers[f"fc{i}"] = module("FullyConnectedLayer", values, activation="lrelu", bias_gain=0.01)
    buffers = {} if average is None else {"w_avg": average}
    parts = {
        "synthesis": module("SynthesisNetwork", modules=blocks),
        "mapping": module("MappingNetwork", None, buffers, layers),
    }
    attributes = {"z_dim": dimension, "w_dim": dimension, "c_dim": 0, "img_channels": 3}
    return module("Generator", modules=parts, img_resolution=size, **attributes, _init_kwargs=EasyDict(a=1))


def write(path: Path, contents: Any, protocol: int = 4) -> Path:
    """Pickle ``contents`` with NVIDIA's module names; a lone module is put where a snapshot has ``G_ema``."""
    if isinstance(contents, Persistent):
        contents = {"training_set_kwargs": {}, "G": None, "D": None, "G_ema": contents, "augment_pipe": None}
    names = {
        "torch_utils": types.ModuleType("torch_utils"),
        "torch_utils.persistence": types.ModuleType("torch_utils.persistence"),
        "dnnlib": types.ModuleType("dnnlib"),
        "dnnlib.util": types.ModuleType("dnnlib.util"),
    }
    names["torch_utils.persistence"]._reconstruct_persistent_obj = _reconstruct_persistent_obj
    names["dnnlib.util"].EasyDict = EasyDict
    with (
        mock.patch.dict(sys.modules, names),
        mock.patch.object(_reconstruct_persistent_obj, "__module__", "torch_utils.persistence"),
        mock.patch.object(EasyDict, "__module__", "dnnlib.util"),
    ):
        path.write_bytes(pickle.dumps(contents, protocol))
    return path
