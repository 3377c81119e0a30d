"""Image2StyleGAN and Image2StyleGAN++ as entries of the registry."""

from __future__ import annotations

from loho_bench.methods.image2stylegan.method import Image2StyleGan, Image2StyleGanPlusPlus
from loho_bench.methods.registry import MethodSpec
from loho_bench.settings.image2stylegan import Image2StyleGanPlusPlusSettings, Image2StyleGanSettings

_NEEDS = ("generator", "parser", "features", "inpainter")

SPECS = (
    MethodSpec(
        name="i2s",
        label="I2S",
        description="Image2StyleGAN: W+ embedding of one portrait by a perceptual and a pixel term.",
        settings=Image2StyleGanSettings,
        build=Image2StyleGan,
        needs=_NEEDS,
        tasks=("reconstruction",),
        citation="Abdal, Qin and Wonka, Image2StyleGAN: How to Embed Images Into the StyleGAN Latent Space?, "
        "ICCV 2019",
    ),
    MethodSpec(
        name="i2s-plus-plus",
        label="I2S++",
        description="Image2StyleGAN++: crossover and inpainting in W+ by masked terms, then noise maps.",
        settings=Image2StyleGanPlusPlusSettings,
        build=Image2StyleGanPlusPlus,
        needs=_NEEDS,
        citation="Abdal, Qin and Wonka, Image2StyleGAN++: How to Edit the Embedded Images?, CVPR 2020",
    ),
)
