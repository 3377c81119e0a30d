"""StyleGAN2 generator: mapping network, synthesis from W+ and noise maps, latent statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from loho_bench.networks.matching import network_for
from loho_bench.networks.stylegan2.layers import EqualLinear, PixelNorm, StyledConv, ToRGB

MAPPING_LR_MUL = 0.01


def latent_moments(w: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [D] and scalar standard deviation of latents w [samples, D].

    The deviation is one number for all components together: sqrt(sum |w - mean|^2 / samples). It scales the
    noise that LOHO adds to its latents while optimising.
    """
    mean = w.mean(dim=0)
    return mean, ((w - mean).square().sum() / w.shape[0]).sqrt()


class ConstantInput(nn.Module):
    """The learned 4x4 map that every image starts from."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))


class Generator(nn.Module):
    """StyleGAN2 generator with skip connections.

    Latent vector use, as in the published models: level r takes three vectors of W+ and shares the last (its
    RGB layer's) with the next level's first convolution; `num_latents` = 2 log2(size) - 2.

    Parameters
    ----------
    size : int
        Width and height of the image in pixels, a power of two, at least 8.
    style_dim : int
        Length D of z and w.
    n_mlp : int
        Layers of the mapping network.
    channels : mapping of int to int
        Feature channels at each resolution 4, 8, ..., size.
    affine_gain : float
        Multiplies the initial modulation weights (1 as published).
    compute_dtype : torch.dtype
        Of the feature maps and of their convolutions, float32 or bfloat16; styles, demodulation and the RGB
        sum stay float32. May be changed at any time.
    conv_clamp : float, optional
        Bounds the magnitude of every feature map and of every RGB layer's own output, as NVIDIA's training
        code does; None, as published for StyleGAN2, bounds nothing.
    """

    def __init__(
        self,
        size: int,
        style_dim: int,
        n_mlp: int,
        channels: Mapping[int, int],
        *,
        affine_gain: float = 1.0,
        compute_dtype: torch.dtype = torch.float32,
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        if size < 8 or size & (size - 1):
            raise ValueError(f"size must be a power of two of at least 8, not {size}")
        self.size = size
        self.style_dim = style_dim
        self.compute_dtype = compute_dtype
        self.resolutions = [2**k for k in range(2, int(math.log2(size)) + 1)]
        self.num_latents = 2 * len(self.resolutions)
        self.noise_shapes = [4] + [r for r in self.resolutions[1:] for _ in range(2)]
        common = {"style_dim": style_dim, "affine_gain": affine_gain, "clamp": conv_clamp}

        mapping = [
            EqualLinear(style_dim, style_dim, lr_mul=MAPPING_LR_MUL, activate=True) for _ in range(n_mlp)
        ]
        self.style = nn.Sequential(PixelNorm(), *mapping)
        self.input = ConstantInput(channels[4])
        self.conv1 = StyledConv(channels[4], channels[4], upsample=False, **common)
        self.to_rgb1 = ToRGB(channels[4], upsample=False, **common)
        self.convs = nn.ModuleList()
        self.to_rgbs = nn.ModuleList()
        for r in self.resolutions[1:]:
            self.convs.append(StyledConv(channels[r // 2], channels[r], upsample=True, **common))
            self.convs.append(StyledConv(channels[r], channels[r], upsample=False, **common))
            self.to_rgbs.append(ToRGB(channels[r], upsample=True, **common))
        self.noises = nn.Module()
        for i, r in enumerate(self.noise_shapes):
            self.noises.register_buffer(f"noise_{i}", torch.randn(1, 1, r, r))

    @classmethod
    def from_state_dict(
        cls,
        state: Mapping[str, Tensor],
        *,
        compute_dtype: torch.dtype = torch.float32,
        conv_clamp: float | None = None,
    ) -> Generator:
        """Generator for a state dict (the `g_ema` of a checkpoint), every size taken from its tensors.

        It comes in evaluation mode with frozen weights (`requires_grad` False), float32, on the CPU.

        Raises
        ------
        UserError
            The state dict is not one of a StyleGAN2 generator, or has missing, unknown or misshapen tensors.
        """

        def build() -> Generator:
            blocks = sum(key.startswith("to_rgbs.") and key.endswith(".conv.weight") for key in state)
            channels = {4: state["to_rgb1.conv.weight"].shape[2]}
            for b in range(blocks):
                channels[8 * 2**b] = state[f"to_rgbs.{b}.conv.weight"].shape[2]
            layers = sum(key.startswith("style.") and key.endswith(".weight") for key in state)
            style_dim = state["conv1.conv.modulation.weight"].shape[1]
            options = {"compute_dtype": compute_dtype, "conv_clamp": conv_clamp}
            return cls(4 * 2**blocks, style_dim, layers, channels, **options)

        generator = network_for(
            build,
            state,
            what="These tensors are not a StyleGAN2 generator.",
            remedy="Give the 'g_ema' part of a checkpoint in the common PyTorch layout.",
        )
        return generator.eval().requires_grad_(False)

    def mapping(self, z: Tensor) -> Tensor:
        """Latents w [N, D] of normal draws z [N, D]."""
        return self.style(z)

    def constant_noise(self) -> list[Tensor]:
        """The stored noise maps, each [1, 1, r, r] for r in `noise_shapes`."""
        return [getattr(self.noises, f"noise_{i}") for i in range(len(self.noise_shapes))]

    def synthesis(
        self, wplus: Tensor, noise: Sequence[Tensor] | None = None, resolution: int | None = None
    ) -> Tensor:
        """Images [N, 3, S, S] float32, nominally in [-1, 1] but not clamped.

        Parameters
        ----------
        wplus : Tensor [N, L, D] float32
            Extended latents; L = `num_latents`, or as many as `resolution` needs.
        noise : sequence of Tensor [N or 1, 1, r, r] float32, optional
            Maps for r in `noise_shapes`; None takes the stored ones.
        resolution : int, optional
            Stop at this level, S = resolution; None goes to `size`.

        Raises
        ------
        ValueError
            Unknown resolution, or wrong shape of wplus or of the list of noise maps.
        """
        resolution = self.size if resolution is None else resolution
        if resolution not in self.resolutions:
            raise ValueError(f"resolution must be one of {self.resolutions}, not {resolution}")
        blocks = self.resolutions.index(resolution)
        latents, maps = 2 * blocks + 2, 2 * blocks + 1
        if wplus.ndim != 3 or not latents <= wplus.shape[1] <= self.num_latents:
            raise ValueError(f"wplus must be [N, {latents}, {self.style_dim}], not {list(wplus.shape)}")
        noise = self.constant_noise() if noise is None else noise
        if not maps <= len(noise) <= len(self.noise_shapes):
            raise ValueError(f"{maps} noise maps are needed, {len(noise)} given")

        x = self.input.input.to(self.compute_dtype).expand(wplus.shape[0], -1, -1, -1)
        x = x.contiguous(memory_format=torch.channels_last)
        x = self.conv1(x, wplus[:, 0], noise[0])
        image = self.to_rgb1(x, wplus[:, 1])
        for b in range(blocks):
            first = 1 + 2 * b
            x = self.convs[2 * b](x, wplus[:, first], noise[first])
            x = self.convs[2 * b + 1](x, wplus[:, first + 1], noise[first + 1])
            image = self.to_rgbs[b](x, wplus[:, first + 2], image)
        return image

    def forward(
        self, wplus: Tensor, noise: Sequence[Tensor] | None = None, resolution: int | None = None
    ) -> Tensor:
        """The same as `synthesis`."""
        return self.synthesis(wplus, noise, resolution)

    @torch.no_grad()
    def latent_statistics(self, samples: int, seed: int) -> tuple[Tensor, Tensor]:
        """Mean [D] and scalar deviation (see `latent_moments`) of `samples` mapped normal draws.

        The draws are made on the CPU from `seed`, so that they are the same on every device.
        """
        draws = torch.randn(samples, self.style_dim, generator=torch.Generator().manual_seed(seed))
        return latent_moments(self.mapping(draws.to(self.input.input.device)))

    @staticmethod
    def truncate(w: Tensor, mean: Tensor, psi: float) -> Tensor:
        """Latents w [..., D] drawn towards mean [D]: mean + psi (w - mean)."""
        return mean + psi * (w - mean)

    def repeat(self, w: Tensor) -> Tensor:
        """W+ latents [N, L, D] that use w [N, D] in every layer."""
        return w[:, None].expand(-1, self.num_latents, -1)
