"""MichiGAN as a method: networks and a batch of tuples in, blended portraits out."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.methods.compositing import blend, inpaint_background, soft_mask
from loho_bench.methods.loho.targets import resize_to
from loho_bench.methods.michigan.structure import orientation_angles, random_disc
from loho_bench.methods.protocol import Resources, Transfer, TupleBatch
from loho_bench.methods.registry import MethodSpec
from loho_bench.networks.michigan import angles_to_rgb, fill_orientation, octave_noise, rgb_to_channels
from loho_bench.networks.michigan.generator import DILATION
from loho_bench.settings.michigan import MichiganSettings


class Michigan:
    """Multi-Input-Conditioned Hair Image GAN (SIGGRAPH 2020).

    Hair mask and orientation come from the structure portrait, the appearance from the appearance portrait
    and all else from the identity, whose own hair is inpainted first. The generator paints the hair with a
    seam around it; what lies beyond is the identity's.
    """

    def __init__(self, settings: MichiganSettings, resources: Resources) -> None:
        self.settings, self.resources = settings, resources
        self.size = resources.michigan.generator.size

    @torch.no_grad()
    def transfer(self, batch: TupleBatch) -> Transfer:
        """Paint hair for every tuple; the result has the size of the portraits."""
        batch = batch.to(self.resources.device)
        size, inpainter = batch.identity.shape[-1], self.resources.inpainter
        without_hair = inpaint_background(batch.identity, batch.identity_hair, inpainter)
        background = blend(batch.identity, without_hair, soft_mask(batch.identity_face, size))
        # One by one: kernels add up one sample in another order than each of several.
        tuples = [batch.select([index]) for index in range(len(batch))]
        painted = [self._paint(*pair) for pair in zip(tuples, background.split(1), strict=True)]
        foreground = resize_to(torch.cat(painted), size)
        mask = soft_mask(_seam(_sized(batch.structure_hair, self.size)), size)
        return Transfer(
            images=blend(foreground, background, mask),
            foreground=foreground,
            foreground_mask=mask,
            inpainting=inpainter.name,
        )

    def _paint(self, single: TupleBatch, background: Tensor) -> Tensor:
        """Give the generator's portrait ``[1,3,s,s]`` of one tuple, s the size of its images."""
        draw = torch.Generator().manual_seed(single.seeds[0])
        device, networks = background.device, self.resources.michigan
        structure, hair = resize_to(single.structure, self.size), _sized(single.structure_hair, self.size)
        rgb = angles_to_rgb(orientation_angles(structure, hair), hair)
        noise = octave_noise(1, self.size, draw).to(device)
        hole = random_disc(hair, self.settings.forgotten_orientation, draw)
        if hole.any():
            rgb = fill_orientation(networks.orientation_inpainter, rgb, hole, noise)
        return networks.generator(
            orientation=rgb_to_channels(rgb, hair),
            hair=hair,
            image=resize_to(background, self.size),
            reference_image=resize_to(single.appearance, self.size),
            reference_hair=_sized(single.appearance_hair, self.size),
            noise=noise,
        )


def _seam(hair: Tensor) -> Tensor:
    """Grow the hair to all that the generator does not see of the identity."""
    return F.max_pool2d(hair, DILATION, stride=1, padding=DILATION // 2)


def _sized(mask: Tensor, size: int) -> Tensor:
    return (resize_to(mask, size) >= 0.5).float()


SPEC = MethodSpec(
    name="michigan",
    label="MichiGAN",
    description="A SPADE generator paints hair from a mask, an orientation map and a reference, in one pass.",
    settings=MichiganSettings,
    build=Michigan,
    family="michigan",
    needs=("michigan", "inpainter"),
    citation="Tan et al., MichiGAN: Multi-Input-Conditioned Hair Image Generation for Portrait Editing, "
    "SIGGRAPH 2020",
)
