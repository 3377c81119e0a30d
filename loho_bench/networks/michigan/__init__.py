"""MichiGAN (Tan et al., SIGGRAPH 2020): hair from a mask, an orientation map and a reference photograph."""

from loho_bench.networks.michigan.generator import SpadeGenerator
from loho_bench.networks.michigan.inpainter import OrientationInpainter
from loho_bench.networks.michigan.networks import MichiganNetworks
from loho_bench.networks.michigan.noise import octave_noise
from loho_bench.networks.michigan.orientation import angles_to_rgb, fill_orientation, rgb_to_channels

__all__ = [
    "MichiganNetworks",
    "OrientationInpainter",
    "SpadeGenerator",
    "angles_to_rgb",
    "fill_orientation",
    "octave_noise",
    "rgb_to_channels",
]
