"""The naive baseline: the hair of the structure portrait, moved, recoloured and pasted."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from loho_bench.methods.colour_transfer import transfer_colours
from loho_bench.methods.compositing import blend, inpaint_background, soft_mask
from loho_bench.methods.protocol import Resources, Transfer, TupleBatch
from loho_bench.methods.registry import LANDMARKS, MethodSpec
from loho_bench.settings.base import StrictModel


class Paste:
    """Aligns the structure's hair to the identity's face and pastes it over the identity without hair.

    The hair gets the colour statistics of the appearance's. What was the identity's own hair is inpainted
    first; her face stays as it is.
    """

    def __init__(self, settings: StrictModel, resources: Resources) -> None:
        self.settings, self.resources = settings, resources

    def transfer(self, batch: TupleBatch) -> Transfer:
        """Paste hair for every tuple, at the size of its portraits.

        Raises
        ------
        ValueError
            The batch brings no landmarks, or a portrait's are not known.
        """
        batch = batch.to(self.resources.device)
        recoloured = transfer_colours(
            batch.structure, batch.structure_hair, batch.appearance, batch.appearance_hair
        )
        hair, mask = align(recoloured, batch.structure_hair, batch)
        size, inpainter = batch.identity.shape[-1], self.resources.inpainter
        without_hair = inpaint_background(
            batch.identity, torch.maximum(batch.identity_hair, batch.identity_face), inpainter
        )
        bald = blend(batch.identity, without_hair, soft_mask(batch.identity_face, size))
        mask = soft_mask(mask, size)
        return Transfer(
            images=blend(hair, bald, mask),
            foreground=hair,
            foreground_mask=mask,
            inpainting=inpainter.name,
        )


def align(images: Tensor, masks: Tensor, batch: TupleBatch) -> tuple[Tensor, Tensor]:
    """Move ``images`` ``[N,3,S,S]`` and ``masks`` ``[N,1,S,S]`` from the structure's face to the identity's.

    Outside the structure's frame images go on with its border, masks too: hair that left it does so still.
    """
    if batch.identity_landmarks is None or batch.structure_landmarks is None:
        raise ValueError("the batch brings no landmarks to align faces by")
    size = images.shape[-1]
    # A landmark is a fraction of the frame, and the first pixel's centre lies half a pixel inside.
    faces = (
        size * points.cpu().double().numpy() - 0.5
        for points in (batch.structure_landmarks, batch.identity_landmarks)
    )
    moved = []
    for image, mask, source, target in zip(images.cpu(), masks.cpu(), *faces, strict=True):
        pixels = torch.cat([image, mask]).permute(1, 2, 0).contiguous().numpy()
        warped = cv2.warpAffine(
            pixels, similarity_transform(source, target), (size, size), borderMode=cv2.BORDER_REPLICATE
        )
        moved.append(torch.from_numpy(warped).permute(2, 0, 1))
    stacked = torch.stack(moved).to(images.device)
    return stacked[:, :3], (stacked[:, 3:] > 0.5).float()


def similarity_transform(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Give the rotation, scale and shift that bring points nearest to others, by least squares.

    The solution is that of Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns" (1991); it never mirrors.

    Parameters
    ----------
    source, target : numpy.ndarray
        ``[P,2] float64``, two points at least.

    Returns
    -------
    numpy.ndarray
        ``[2,3] float64``: ``target ≈ A[:, :2] @ source + A[:, 2]``.

    Raises
    ------
    ValueError
        A point is not finite, or all of ``source`` are one.
    """
    centre, aim = source.mean(0), target.mean(0)
    spread = np.square(source - centre).sum()
    if not np.isfinite(spread + target.sum()) or spread == 0:
        raise ValueError("the landmarks of a face are not known: nothing to align by")
    u, stretch, v = np.linalg.svd((target - aim).T @ (source - centre))
    signs = np.array([1.0, np.sign(np.linalg.det(u @ v)) or 1.0])
    turn = (u * signs) @ v
    scale = (stretch * signs).sum() / spread
    return np.column_stack([scale * turn, aim - scale * turn @ centre])


SPEC = MethodSpec(
    name="paste",
    label="Naive paste",
    description="The structure's hair, aligned by landmarks, recoloured, over the inpainted identity.",
    settings=StrictModel,
    build=Paste,
    needs=("inpainter", LANDMARKS),
    role="floor",
)
