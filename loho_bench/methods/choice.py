"""The networks of methods that the settings name, loaded onto a device.

All raise a UserError where a file is missing (all that is missing is listed) or is not of its network.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from loho_bench.errors import UserError
from loho_bench.methods.compositing import GatedInpaint, Inpainter, Telea
from loho_bench.networks.michigan import MichiganNetworks
from loho_bench.networks.stylegan2 import Generator
from loho_bench.settings.project import Settings
from loho_bench.weights import embedded
from loho_bench.weights.inpainting import load_deepfillv2
from loho_bench.weights.michigan import load_michigan_generator, load_orientation_inpainter
from loho_bench.weights.needs import CLASSICAL, EMBEDDED, find_files
from loho_bench.weights.stylegan2 import load_generator


def choose_generator(settings: Settings, device: torch.device) -> Generator:
    """Load StyleGAN2; a UserError too where its images are not ``transfer.resolution`` wide."""
    chosen, resolution = settings.networks.generator, settings.transfer.resolution
    if chosen == EMBEDDED:
        generator = embedded.load_generator()
    else:
        generator = load_generator(find_files(settings, "generator")[chosen]).generator
    if generator.size != resolution:
        raise UserError(
            f"transfer.resolution is {resolution}, which this generator cannot give",
            cause=f"the generator '{chosen}' makes portraits of {generator.size} pixels",
            remedy=f"set transfer.resolution to {generator.size}",
        )
    return generator.to(device)


def choose_inpainter(settings: Settings, device: torch.device) -> Inpainter:
    """Load what continues the background where hair and face were."""
    chosen = settings.networks.inpainter
    if chosen == CLASSICAL:
        return Telea()
    if chosen == EMBEDDED:
        return GatedInpaint(embedded.load_inpainter().to(device), EMBEDDED)
    return GatedInpaint(load_deepfillv2(find_files(settings, "inpainter")[chosen]).to(device), chosen)


def choose_michigan(settings: Settings, device: torch.device) -> MichiganNetworks:
    """Load MichiGAN's generator and its inpainter of hair orientation."""
    if settings.networks.michigan == EMBEDDED:
        networks = embedded.load_michigan()
    else:
        generator, inpainter = find_files(settings, "michigan").values()
        networks = MichiganNetworks(load_michigan_generator(generator), load_orientation_inpainter(inpainter))
    return replace(
        networks,
        generator=networks.generator.to(device),
        orientation_inpainter=networks.orientation_inpainter.to(device),
    )
