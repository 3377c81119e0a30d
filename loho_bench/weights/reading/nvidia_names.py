"""From the tensors of NVIDIA's StyleGAN2 generator to the common names, by reshaping alone."""

from __future__ import annotations

import re
from pathlib import Path

from torch import Tensor

from loho_bench.weights.reading.file_kinds import refusal
from loho_bench.weights.reading.nvidia_pickle import PickledNetwork

_RENAMED = {  # inside a convolution or an RGB layer
    "weight": "conv.weight",
    "affine.weight": "conv.modulation.weight",
    "affine.bias": "conv.modulation.bias",
}
_CONVOLUTION = _RENAMED | {"noise_strength": "noise.weight", "bias": "activate.bias"}
_RGB = _RENAMED | {"bias": "bias"}
_UPSAMPLING_GAIN = 4.0  # NVIDIA applies it while doubling; the common names keep it in the kernel
_REMEDY = "give an unconditional StyleGAN2 generator of RGB images, config E or F"


def common_names(
    network: PickledNetwork, path: str | Path
) -> tuple[dict[str, Tensor], Tensor | None, float | None]:
    """Return the state dict, the mean latent [D] and the clamp of a generator with NVIDIA's names.

    Parameters
    ----------
    network : PickledNetwork
        The ``G_ema`` of a snapshot.
    path : str or Path
        Where it came from, for the message.

    Raises
    ------
    UserError
        A conditional generator, one of StyleGAN3, or one whose layers differ from the published StyleGAN2.
    """
    if cause := _foreign(network):
        raise refusal(path, cause, _REMEDY)
    state: dict[str, Tensor] = {}
    for name, value in network.tensors.items():
        renamed = _renamed(name)
        if renamed is None:
            raise refusal(path, f"it has the unknown tensor {name}", _REMEDY)
        if renamed:
            state[renamed] = _reshaped(renamed, value.float())
    average = network.tensors.get("mapping.w_avg")
    return state, None if average is None else average.float(), _clamps(network)[0]


def _renamed(name: str) -> str | None:
    """Common name of a tensor; "" for those that have no counterpart and need none, None for unknown ones."""
    if layer := re.fullmatch(r"mapping\.fc(\d+)\.(weight|bias)", name):
        return f"style.{int(layer[1]) + 1}.{layer[2]}"
    if name == "synthesis.b4.const":
        return "input.input"
    part = re.fullmatch(r"synthesis\.b(\d+)\.(?:(conv0|conv1|torgb)\.)?(.+)", name)
    if not part:
        return "" if name == "mapping.w_avg" else None
    resolution, layer_name, rest = int(part[1]), part[2], part[3]
    level = resolution.bit_length() - 4  # 0 at resolution 8
    if rest == "resample_filter":
        if layer_name == "conv0":
            return f"convs.{2 * level}.conv.blur.kernel"
        return f"to_rgbs.{level}.upsample.kernel" if layer_name is None and level >= 0 else ""
    if layer_name == "torgb":
        prefix, names = ("to_rgb1" if level < 0 else f"to_rgbs.{level}"), _RGB
    elif layer_name:
        layer_index = 2 * level + int(layer_name[-1])  # -1 at resolution 4
        prefix, names = ("conv1" if level < 0 else f"convs.{layer_index}"), _CONVOLUTION
        if rest == "noise_const":
            return f"noises.noise_{layer_index + 1}"
    else:
        return None
    return f"{prefix}.{names[rest]}" if rest in names else None


def _reshaped(name: str, value: Tensor) -> Tensor:
    if name.endswith("kernel"):
        return value * _UPSAMPLING_GAIN
    if name.endswith("noise.weight"):
        return value.reshape(-1)
    if name.startswith("noises."):
        return value[None, None]
    if name == "input.input" or name.endswith("conv.weight"):
        return value[None]
    return value.reshape(1, -1, 1, 1) if re.fullmatch(r"to_rgb(1|s\.\d+)\.bias", name) else value


def _clamps(network: PickledNetwork) -> list[float | None]:
    """The clamp of every layer of the synthesis network; at least one value."""
    return [
        attributes.get("conv_clamp")
        for name, attributes in network.attributes.items()
        if re.fullmatch(r"synthesis\.b\d+\.(conv\d|torgb)", name)
    ] or [None]


def _foreign(network: PickledNetwork) -> str:
    """Why a network is not the published StyleGAN2 generator; empty where it is."""
    root = network.attributes[""]
    if "synthesis.input" in network.classes:
        return "it is a StyleGAN3 generator"
    if "synthesis.b4" not in network.classes or "mapping" not in network.classes:
        return f"it is no StyleGAN2 generator but a {network.classes['']}"
    if root.get("c_dim", 0) != 0:
        return f"it is a conditional generator (c_dim {root['c_dim']})"
    if root.get("img_channels", 3) != 3:
        return f"it makes images of {root['img_channels']} channels"
    if root.get("z_dim") != root.get("w_dim"):
        return f"its z and w differ in length ({root.get('z_dim')} and {root.get('w_dim')})"
    for name, attributes in network.attributes.items():
        for key, value in _published(name).items():
            if attributes.get(key, value) != value:
                return f"{name} has {key} {attributes[key]!r}, where StyleGAN2 has {value!r}"
    for name, value in network.tensors.items():
        if name.endswith("resample_filter") and not (value.ndim == 2 and value.equal(value.flip(0, 1))):
            return f"the filter {name} is not symmetric in two dimensions"
    first, *others = _clamps(network)
    if any(clamp != first for clamp in others) or not isinstance(first, int | float | None):
        return "its layers are clamped at different values"
    return ""


def _published(name: str) -> dict[str, object]:
    """Attributes that the module ``name`` must have where it has them at all."""
    if re.fullmatch(r"synthesis\.b\d+", name):
        return {"architecture": "skip"}
    if re.fullmatch(r"synthesis\.b\d+\.conv\d", name):
        return {"activation": "lrelu", "use_noise": True}
    return {"activation": "lrelu", "bias_gain": 0.01} if name.startswith("mapping.fc") else {}
