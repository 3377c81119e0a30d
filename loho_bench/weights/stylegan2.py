"""StyleGAN2 generators from the files that people have: common PyTorch checkpoints and NVIDIA's pickles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from loho_bench.errors import UserError
from loho_bench.networks.matching import architecture_of
from loho_bench.networks.stylegan2 import Generator
from loho_bench.weights.reading.checkpoints import read_checkpoint, strip_prefix
from loho_bench.weights.reading.file_kinds import Kind, kind_of, refusal
from loho_bench.weights.reading.nvidia_names import common_names
from loho_bench.weights.reading.nvidia_pickle import read_generator

_NOISE_SEED = 0


@dataclass(frozen=True)
class LoadedGenerator:
    """A generator, and the mean latent [D] that its training kept (None where the file has none)."""

    generator: Generator
    latent_average: Tensor | None


def load_generator(path: str | Path) -> LoadedGenerator:
    """Return the averaged generator of a checkpoint, frozen, float32, on the CPU.

    Parameters
    ----------
    path : str or Path
        One of these, told by the content:

        - a PyTorch or safetensors file with ``g_ema`` and perhaps ``latent_avg`` (converted weights), with
          ``g``, ``d``, ``g_ema`` and optimizers (a training checkpoint), or with the tensors alone; names may
          begin with ``module.``;
        - a ``.pkl`` snapshot of stylegan2-ada-pytorch or of a StyleGAN2 network of stylegan3.

    Returns
    -------
    LoadedGenerator
        Widths, size and depth are those of the tensors; NVIDIA's clamp is kept. Feature maps are float32 at
        every resolution, also where the training used float16.

    Raises
    ------
    UserError
        The file is broken, or no unconditional StyleGAN2 generator of RGB images with skip connections.

    Notes
    -----
    Early checkpoints have no noise maps; the official code then keeps random ones. They are drawn here from a
    fixed seed, so that a rerun gives the same image.
    """
    path = Path(path)
    clamp = None
    if kind_of(path) is Kind.PICKLE:
        network = read_generator(path)
        state, average, clamp = common_names(network, path)
    else:
        state, average = _common_layout(read_checkpoint(path), path)
    try:
        generator = Generator.from_state_dict(state, conv_clamp=clamp)
    except UserError as error:
        raise refusal(path, error.cause, error.remedy) from error
    if average is not None and average.shape != (generator.style_dim,):
        cause = f"its mean latent has the shape {tuple(average.shape)}, not ({generator.style_dim},)"
        raise refusal(path, cause, "use a whole checkpoint of one network")
    return LoadedGenerator(generator, average)


def _common_layout(contents: Any, path: Path) -> tuple[dict[str, Tensor], Tensor | None]:
    """State dict and mean latent of a checkpoint with the common names."""
    contents = contents if isinstance(contents, Mapping) else {}
    state = contents.get("g_ema", contents)
    state = strip_prefix(state, "module.") if isinstance(state, Mapping) else {}
    if "to_rgb1.conv.weight" not in state:
        known = architecture_of(state) or architecture_of(contents)
        cause = "it holds no StyleGAN2 generator" + (f" but {known}" if known else "")
        raise refusal(path, cause, "give a checkpoint with the generator under 'g_ema'")
    average = contents.get("latent_avg")
    if not any(name.startswith("noises.") for name in state):
        state = {**state, **_drawn_noise(state)}
    return state, average.detach().float() if isinstance(average, Tensor) else None


def _drawn_noise(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    layers = 1 + sum(name.startswith("convs.") and name.endswith(".conv.weight") for name in state)
    draw = torch.Generator().manual_seed(_NOISE_SEED)
    sides = [4 * 2 ** ((layer + 1) // 2) for layer in range(layers)]
    return {
        f"noises.noise_{layer}": torch.randn(1, 1, side, side, generator=draw)
        for layer, side in enumerate(sides)
    }
