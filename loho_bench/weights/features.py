"""The feature network that the settings name: what losses and LPIPS see with."""

from __future__ import annotations

from loho_bench.networks.lpips import Lpips
from loho_bench.settings.project import Settings
from loho_bench.weights import embedded
from loho_bench.weights.needs import EMBEDDED, find_files
from loho_bench.weights.perceptual import load_lpips


def choose_features(settings: Settings) -> Lpips:
    """Load the feature network and its LPIPS heads, frozen, on the processor.

    Raises
    ------
    UserError
        Files are missing (all of them are listed) or are not of these networks.
    """
    if settings.networks.features == EMBEDDED:
        return embedded.load_features()
    return load_lpips(find_files(settings, "features")["vgg16"])
