"""The networks that MichiGAN's transfer needs, together."""

from __future__ import annotations

from dataclasses import dataclass

from loho_bench.networks.michigan.generator import SpadeGenerator
from loho_bench.networks.michigan.inpainter import OrientationInpainter


@dataclass(frozen=True)
class MichiganNetworks:
    """A generator and what completes its orientation maps.

    ``stroke_inpainter`` follows strokes that a user drew; no transfer needs it.
    """

    generator: SpadeGenerator
    orientation_inpainter: OrientationInpainter
    stroke_inpainter: OrientationInpainter | None = None
