"""Settings of Image2StyleGAN and Image2StyleGAN++. The defaults are the published ones."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from loho_bench.settings.base import StrictModel

VggLayer = Literal[
    "relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_2", "relu3_3",
    "relu4_1", "relu4_2", "relu4_3", "relu5_1", "relu5_2", "relu5_3",
]  # fmt: skip


class EmbeddingWeights(StrictModel):
    """The factors λ of Image2StyleGAN's loss. They belong to the real VGG16."""

    perceptual: float = Field(1.0, ge=0)
    """λ of the perceptual term."""

    pixels: float = Field(1.0, ge=0)
    """λ_mse of the pixel term; in Image2StyleGAN++ λ_mse1, what is kept of the identity."""


class CrossoverWeights(EmbeddingWeights):
    """The factors λ of Image2StyleGAN++'s loss, equation 1 of the LOHO paper."""

    perceptual: float = Field(1e-5, ge=0)
    """λ_p of the perceptual term."""

    pixels: float = Field(1e-5, ge=0)
    """λ_mse1 of what is kept of the identity."""

    hair_pixels: float = Field(1e-5, ge=0)
    """λ_mse2 of the hair that is brought in."""

    style: float = Field(5e-7, ge=0)
    """λ_s of the hair's style."""


class Image2StyleGanSettings(StrictModel):
    """How Image2StyleGAN embeds a portrait."""

    steps: int = Field(5000, ge=1)
    """Iterations over W+."""

    learning_rate: float = Field(0.01, gt=0)
    """Adam's rate for W+; it stays the same."""

    weights: EmbeddingWeights = EmbeddingWeights()
    """The factors of the terms."""

    perceptual_layers: tuple[VggLayer, ...] = Field(
        ("relu1_1", "relu1_2", "relu3_2", "relu4_2"), min_length=1
    )
    """Layers of VGG16 that the perceptual term compares."""

    perceptual_resolution: int = Field(256, ge=16, le=1024)
    """Largest frame, in pixels, that VGG16 sees; larger images are reduced to it."""


class Image2StyleGanPlusPlusSettings(Image2StyleGanSettings):
    """How Image2StyleGAN++ embeds a portrait and, for a transfer, the crossover of several."""

    weights: CrossoverWeights = CrossoverWeights()
    """The factors of the terms."""

    perceptual_layers: tuple[VggLayer, ...] = Field(
        ("relu1_1", "relu1_2", "relu2_2", "relu3_3"), min_length=1
    )
    """Layers of VGG16 that the perceptual term compares."""

    style_layer: VggLayer = "relu3_3"
    """Layer of VGG16 whose Gram matrix is the style."""

    noise_steps: int = Field(3000, ge=0)
    """Iterations over the noise maps, after those over W+."""

    noise_learning_rate: float = Field(5.0, gt=0)
    """Adam's rate for the noise maps; it stays the same."""

    margin: float = Field(4.0, ge=0, le=128)
    """How far the masks of the pixel terms keep from the hair's edges, in pixels of a 256-pixel frame; at
    least 1 pixel is used, and the masks' own edges are blurred."""

    recolour: bool = True
    """Give the structure's hair, which the second pixel term asks for, the colours of the appearance's."""
