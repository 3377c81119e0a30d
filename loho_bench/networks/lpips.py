"""Learned perceptual distance (LPIPS; Zhang et al., 2018) with the masks of LOHO's equations 2 and 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.matching import network_for
from loho_bench.networks.vgg import WIDTHS, Vgg16

BLOCKS = (1, 2, 3, 4, 5)
BLOCK_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
INPUT_SHIFT = (-0.030, -0.088, -0.188)
INPUT_SCALE = (0.458, 0.448, 0.450)
NORM_EPS = 1e-10


def scale_input(x: Tensor) -> Tensor:
    """Images [N, 3, H, W] from [-1, 1] to the range that LPIPS feeds to VGG-16: (x - shift) / scale."""
    # Numbers instead of tensors: those would have to be copied to the device each time.
    channels = zip(x.unbind(1), INPUT_SHIFT, INPUT_SCALE, strict=True)
    return torch.stack([(level - shift) / scale for level, shift, scale in channels], dim=1)


def unit_normalize(features: Tensor) -> Tensor:
    """Feature vectors [N, C, H, W] divided by (their L2 norm over C + 1e-10); zero vectors stay zero."""
    return features / (torch.linalg.vector_norm(features, dim=1, keepdim=True) + NORM_EPS)


class _Head(nn.Module):
    """One 1x1 linear head under the published name `model.1.weight`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.ModuleDict({"1": nn.Conv2d(channels, 1, 1, bias=False)})
        nn.init.ones_(self.model["1"].weight)


class LpipsHeads(nn.Module):
    """The five linear heads `lin0` ... `lin4`: a non-negative weight per channel of each block.

    Fresh heads weigh every channel by one.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        for i, width in enumerate(widths):
            self.add_module(f"lin{i}", _Head(width))

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> LpipsHeads:
        """Heads for a published state dict, widths taken from its tensors; frozen.

        Raises
        ------
        UserError
            Missing, unknown or misshapen tensors.
        """
        heads = network_for(
            lambda: cls([state[f"lin{i}.model.1.weight"].shape[1] for i in range(len(BLOCKS))]),
            state,
            what="These tensors are not the linear heads of LPIPS.",
            remedy="Give the heads for VGG-16, version 0.1 (keys lin0.model.1.weight ... ).",
        )
        return heads.eval().requires_grad_(False)

    def weights(self, block: int) -> Tensor:
        """Channel weights [1, C, 1, 1] of a block, 1 to 5."""
        return getattr(self, f"lin{block - 1}").model["1"].weight


class Lpips(nn.Module):
    """Perceptual distance by a VGG-16 and its heads; features of a fixed image are computed only once."""

    def __init__(self, vgg: Vgg16, heads: LpipsHeads) -> None:
        super().__init__()
        self.vgg = vgg
        self.heads = heads

    def features(self, x: Tensor) -> list[Tensor]:
        """Unit-normalised maps of the five blocks, [N, C_b, H / 2^(b-1), W / 2^(b-1)] float32.

        Parameters
        ----------
        x : Tensor [N, 3, H, W] float32
            Images in [-1, 1], H and W at least 16. They are not resized.
        """
        maps = self.vgg(scale_input(x), BLOCK_LAYERS)
        return [unit_normalize(maps[layer]) for layer in BLOCK_LAYERS]

    def distance(
        self,
        fx: Sequence[Tensor],
        fy: Sequence[Tensor],
        mask: Tensor | None = None,
        blocks: Sequence[int] = BLOCKS,
    ) -> Tensor:
        """Distance per sample [N], summed over blocks.

        As in the authors' code, the mask weighs the *differences of features* of unmasked images: within
        each block sum(mask * difference) / sum(mask), over the sample's own mask. The paper masks the images.

        A sample whose mask is empty in a block gets 0, with zero gradient, from that block.

        Parameters
        ----------
        fx, fy : sequence of Tensor
            Two outputs of `features`, of the same shapes (a batch of one is broadcast).
        mask : Tensor [N, 1, H, W] float32 in [0, 1], optional
            Fractions allowed; brought to each block by nearest neighbour from the block before. None takes
            the plain spatial mean. Carries no gradient.
        blocks : sequence of int
            Which of the blocks 1 to 5 count; LOHO uses all for the face and (4, 5) for the hair.

        Raises
        ------
        ValueError
            A block outside 1 to 5, or none.
        """
        if not blocks or any(block not in BLOCKS for block in blocks):
            raise ValueError(f"blocks must be among {BLOCKS}, not {tuple(blocks)}")
        mask = None if mask is None else mask.detach()
        terms = []
        for block, x, y in zip(BLOCKS, fx, fy, strict=True):
            if mask is not None:
                mask = F.interpolate(mask, size=x.shape[2:], mode="nearest")
            if block not in blocks:
                continue
            difference = F.conv2d((x - y).square(), self.heads.weights(block))  # [N, 1, h, w]
            if mask is None:
                terms.append(difference.mean(dim=(1, 2, 3)))
                continue
            area = mask.sum(dim=(1, 2, 3))
            weighted = (difference * mask).sum(dim=(1, 2, 3))
            terms.append(weighted / torch.where(area > 0, area, 1.0))
        return torch.stack(terms).sum(dim=0)
