"""How the embedded inpainter is made: a small gated-convolution network that learns what lies behind a head.

The true answer is the same scene rendered without hair and head: the backdrop, and neck and clothes where
they were hidden. Backdrops are smooth, so the mean absolute error of both stages is enough; the published
training adds an adversary, for texture that these scenes do not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.annotation.masks import dilate, erode
from loho_bench.methods.compositing import GatedInpaint, Inpainter, Telea, removal_hole
from loho_bench.networks.graphonomy import BACKGROUND, FACE, HAIR
from loho_bench.networks.inpainting import GatedInpainter
from loho_bench.portraits.synthetic import from_latent
from loho_bench.portraits.synthetic.empty_scene import render_behind_head
from loho_bench.training.augmentation import step_generator
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import SIZE, PortraitDataset, random_batches
from loho_bench.training.loop import descend

# Backdrops are smooth: at half the portraits' size a step costs a quarter and teaches as much.
_REDUCTION = 2
INPAINTER_CONFIG: dict[str, Any] = {"width": 16, "size": SIZE // _REDUCTION}
_MARGINS = (4, 10)  # pixels around hair and face; 6 is what compositing removes
_KNOWN_WEIGHT = 0.2  # of an image's known part: the picture shall go on without a step at the border
_BORDER = 2  # pixels inside a hole where a step would show
_EVALUATED_AT_ONCE = 32
_TRUTH = "the scene rendered without hair and head: backdrop, and neck and clothes where they were hidden"


def train_inpainter(
    dataset: PortraitDataset,
    held_out: PortraitDataset,
    *,
    steps: int,
    seed: int,
    checkpoints: Checkpoints,
    batch: int = 8,
    learning_rate: float = 2e-3,
    config: Mapping[str, Any] | None = None,
) -> tuple[GatedInpainter, dict[str, Any]]:
    """Train the inpainter; a killed training goes on.

    Parameters
    ----------
    dataset, held_out : PortraitDataset
        To learn from, and to be judged on.
    steps, seed, batch, learning_rate
        Together with ``config`` they decide the result.
    checkpoints : Checkpoints
        Keeps the state of an unfinished training.
    config : mapping, optional
        Arguments of :class:`GatedInpainter`; :data:`INPAINTER_CONFIG` when left out.

    Returns
    -------
    (GatedInpainter, dict)
        The network, frozen; and the figures of :func:`inpainter_figures`, with the seconds it took.
    """
    torch.manual_seed(seed)
    network = GatedInpainter(**(config or INPAINTER_CONFIG))

    def loss(step: int) -> Tensor:
        index = next(random_batches(len(dataset), batch, step + 1, seed, start=step))
        generator = step_generator(seed, step)
        images, foreground, behind, _ = scenes(dataset, index)
        flipped = (torch.rand(batch, generator=generator) < 0.5)[:, None, None, None]
        images, foreground, behind = (
            torch.where(flipped, values.flip(-1), values) for values in (images, foreground, behind)
        )
        margin = torch.randint(_MARGINS[0], _MARGINS[1] + 1, (), generator=generator).item()
        holes = dilate(foreground, margin)
        images, behind = F.avg_pool2d(images, _REDUCTION), F.avg_pool2d(behind, _REDUCTION)
        holes = F.max_pool2d(holes, _REDUCTION)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            drawn = network(images, holes)
        return completion_loss([stage.float() for stage in drawn], images, behind, holes)

    settings = {"seed": seed, "batch": batch, "config": network.config(), "portraits": len(dataset)}
    seconds = descend(
        network,
        loss,
        name="inpainter",
        steps=steps,
        learning_rate=learning_rate,
        checkpoints=checkpoints,
        settings=settings,
    )
    return network, {**inpainter_figures(network, held_out), "seconds": round(seconds, 1)}


def scenes(dataset: PortraitDataset, index: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return portraits, their hair or face, what lies behind, and whether that is the backdrop.

    Returns
    -------
    images, behind : Tensor [N, 3, 128, 128] in [-1, 1]
    foreground, backdrop : Tensor [N, 1, 128, 128], 0 or 1
    """
    labels = torch.from_numpy(dataset.labels[index])[:, None]
    foreground = ((labels == HAIR) | (labels == FACE)).float()
    drawn = [
        render_behind_head(from_latent(dataset.latents[i], int(dataset.texture_seeds[i])), SIZE)
        for i in index
    ]
    behind = torch.from_numpy(np.stack([scene.image for scene in drawn])).permute(0, 3, 1, 2).float()
    backdrop = torch.from_numpy(np.stack([scene.labels for scene in drawn]))[:, None] == BACKGROUND
    return dataset.batch(index), foreground, behind / 127.5 - 1, backdrop.float()


def completion_loss(drawn: list[Tensor], images: Tensor, behind: Tensor, holes: Tensor) -> Tensor:
    """Sum over the stages of the mean absolute error in the hole, and a part of that outside.

    Parameters
    ----------
    drawn : list of Tensor [N, 3, H, W]
    images, behind : Tensor [N, 3, H, W]
        What is right outside the hole, and inside.
    holes : Tensor [N, 1, H, W]
    """
    wanted = torch.where(holes > 0, behind, images)
    errors = [(stage - wanted).abs().mean(dim=1, keepdim=True) for stage in drawn]
    return sum(_mean(error, holes) + _KNOWN_WEIGHT * _mean(error, 1 - holes) for error in errors)


@torch.no_grad()
def inpainter_figures(network: GatedInpainter, held_out: PortraitDataset) -> dict[str, Any]:
    """Judge the network, and the classical fallback beside it, on portraits it has not seen.

    Returns
    -------
    dict
        Over the pixels of the hole that compositing makes, in the 8-bit range: ``backdrop_psnr`` (dB, mean
        over portraits) and ``backdrop_l1`` (counts) where the backdrop is the truth, ``body_psnr`` where neck
        or clothes are, ``border_l1`` within 2 pixels of the known backdrop; the same with ``telea_`` before
        them for the fallback; what the truth is, in words; and the number of portraits.
    """
    network = network.eval()
    judged: list[tuple[str, Inpainter]] = [("", GatedInpaint(network, "trained")), ("telea_", Telea())]
    found: dict[str, list[Tensor]] = {}
    for start in range(0, len(held_out), _EVALUATED_AT_ONCE):
        index = np.arange(start, min(start + _EVALUATED_AT_ONCE, len(held_out)))
        images, foreground, behind, backdrop = scenes(held_out, index)
        holes = removal_hole(foreground)
        border = holes - erode(holes, _BORDER)
        for prefix, inpainter in judged:
            error = 127.5 * (inpainter.fill(images, holes) - behind)
            for name, values in {
                "backdrop_psnr": _psnr(error, holes * backdrop),
                "backdrop_l1": _mean_each(error.abs(), holes * backdrop),
                "body_psnr": _psnr(error, holes * (1 - backdrop)),
                "border_l1": _mean_each(error.abs(), border * backdrop),
            }.items():
                found.setdefault(prefix + name, []).append(values)
    # A portrait that shows none of a kind has no value for it.
    figures = {name: torch.cat(values).nanmean().item() for name, values in found.items()}
    return {**figures, "truth": _TRUTH, "portraits": len(held_out)}


def _mean(error: Tensor, where: Tensor) -> Tensor:
    return (error * where).sum() / where.sum().clamp(min=1)


def _mean_each(error: Tensor, where: Tensor) -> Tensor:
    """Mean over ``where`` for every sample, [N]; nan where it is empty."""
    return (error.mean(dim=1, keepdim=True) * where).sum(dim=(1, 2, 3)) / where.sum(dim=(1, 2, 3))


def _psnr(error: Tensor, where: Tensor) -> Tensor:
    return 10 * torch.log10(255**2 / _mean_each(error.square(), where))
