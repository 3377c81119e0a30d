"""Procedural portraits with exact masks, exact landmarks and, for a hair transfer, a true answer."""

from loho_bench.portraits.synthetic.parameters import (
    Background,
    Clothing,
    Expression,
    HairColour,
    HairShape,
    HairTexture,
    Identity,
    Light,
    PortraitParameters,
    Pose,
    combine,
)
from loho_bench.portraits.synthetic.renderer import LABELS, Rendered, noise_maps, render
from loho_bench.portraits.synthetic.sampling import LATENT_SIZE, from_latent, sample_latent, sample_parameters

__all__ = [
    "LABELS",
    "LATENT_SIZE",
    "Background",
    "Clothing",
    "Expression",
    "HairColour",
    "HairShape",
    "HairTexture",
    "Identity",
    "Light",
    "PortraitParameters",
    "Pose",
    "Rendered",
    "combine",
    "from_latent",
    "noise_maps",
    "render",
    "sample_latent",
    "sample_parameters",
]
