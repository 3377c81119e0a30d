"""Changes to training portraits: light, colour, noise, softness, stipple, litter, and mirroring.

A parser trained on clean renders alone stumbles over generated and transferred portraits: their hair is soft
or stippled where a render has strands, its colour is blotched, leaks over its border or is one that no
render has, and crumbs of other portraits lie about. Hence changes of these kinds, often of the hair alone.
Every draw comes from the generator that is passed in, so a step's batch never depends on what ran before.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from loho_bench.networks.graphonomy import CLASS_NAMES, MIRRORED_CLASSES
from loho_bench.provenance import derive_seed

_SOFTENED_SHARE, _STIPPLED_SHARE, _RECOLOURED_SHARE, _LITTERED_SHARE = 0.4, 0.35, 0.4, 0.15


def _mirrored_landmarks() -> tuple[int, ...]:
    """Return the iBUG-68 numbering of a mirrored face, part by part."""
    swapped = list(range(68))

    def reverse(*indices: int) -> None:
        for index, other in zip(indices, reversed(indices), strict=True):
            swapped[index] = other

    reverse(*range(17))  # jaw
    reverse(*range(17, 27))  # both brows
    reverse(*range(31, 36))  # under the nose
    reverse(36, 37, 38, 39, 42, 43, 44, 45)  # upper lids with the corners
    reverse(40, 41, 46, 47)  # lower lids
    for part in (range(48, 55), range(60, 65), range(65, 68)):  # outer upper lip, inner upper, inner lower
        reverse(*part)
    reverse(*range(55, 60))  # outer lower lip
    return tuple(swapped)


MIRRORED_LANDMARKS = _mirrored_landmarks()
"""Point k of a mirrored face is point MIRRORED_LANDMARKS[k] of the face."""


def step_generator(seed: int, step: int) -> Generator:
    """Return the random numbers of one step, the same whether or not the training was interrupted."""
    return Generator().manual_seed(derive_seed("training step", seed, step))


def mirror_landmarks(landmarks: Tensor) -> Tensor:
    """Return landmarks [..., 68, 2] (fractions) of the left-right flipped image, in iBUG order."""
    mirrored = landmarks[..., list(MIRRORED_LANDMARKS), :]
    return torch.stack([1 - mirrored[..., 0], mirrored[..., 1]], dim=-1)


def mirror_labels(labels: Tensor) -> Tensor:
    """Return labels [..., H, W] (integers) of the flipped image; left and right classes change places."""
    table = torch.arange(len(CLASS_NAMES), dtype=labels.dtype)
    for left, right in MIRRORED_CLASSES:
        table[left], table[right] = right, left
    return table[labels.flip(-1).long()]


def augment(images: Tensor, hair: Tensor, generator: Generator) -> Tensor:
    """Change the looks of portraits; geometry stays.

    Parameters
    ----------
    images : Tensor [N, 3, H, W] in [-1, 1]
    hair : Tensor [N, 1, H, W] float32, 1 inside the hair
    generator : torch.Generator

    Returns
    -------
    Tensor [N, 3, H, W] in [-1, 1], channels last in memory
    """
    images = recolour(images, hair, generator)
    images = litter(images, generator)
    images = soften(images, hair, generator)
    images = stipple(images, hair, generator)
    images = relight(images, generator)
    sigma = 0.07 * torch.rand(len(images), 1, 1, 1, generator=generator).square()
    images = images + sigma * torch.randn(images.shape, generator=generator)
    return images.clamp(-1, 1).contiguous(memory_format=torch.channels_last)


def relight(images: Tensor, generator: Generator) -> Tensor:
    """Draw contrast, brightness, tint and saturation anew for every portrait."""
    count = len(images)

    def normal(channels: int) -> Tensor:
        return torch.randn(count, channels, 1, 1, generator=generator)

    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (1 + 0.2 * normal(1)).clamp(0.3, 1.7)
    return images * (1 + 0.12 * normal(1)) + 0.10 * normal(1) + 0.04 * normal(3)


def recolour(images: Tensor, hair: Tensor, generator: Generator) -> Tensor:
    """Give some portraits' hair another colour, that of another portrait's hair or one that no hair has.

    The colour leaks over the border as far as the draw says, and its brightness and hue wander in blotches,
    which the rest of the portrait shares a little. Texture stays.
    """
    chosen = _choose(len(images), _RECOLOURED_SHARE, generator)
    if not len(chosen):
        return images
    count, size = len(chosen), images.shape[2:]
    area = hair.sum(dim=(2, 3), keepdim=True)
    colour = (images * hair).sum(dim=(2, 3), keepdim=True) / area.clamp(min=1)
    donor = torch.randperm(len(images), generator=generator)[:count]
    # Bald portraits have no colour to give.
    shift = torch.where(area[donor] > 0, colour[donor] - colour[chosen], torch.zeros(()))
    shift = shift * torch.rand(count, 1, 1, 1, generator=generator)
    leak = 0.4 + 2 * torch.rand(1, generator=generator).item()
    where = _blur(hair[chosen], sigma=leak)
    shape = (count, 3, 4, 4) if leak < 1.4 else (count, 3, 8, 8)
    blotches = F.interpolate(torch.randn(shape, generator=generator), size=size, mode="bilinear")
    gain = 0.25 * torch.randn(count, 3, 1, 1, generator=generator)
    strength = 0.2 * torch.rand(count, 1, 1, 1, generator=generator)
    changed = images[chosen] + where * shift
    exponent = where * gain + (0.15 + 0.85 * where) * strength * blotches
    return images.index_copy(0, chosen, (changed + 1) * exponent.exp() - 1)


def litter(images: Tensor, generator: Generator) -> Tensor:
    """Strew crumbs of other portraits, a few pixels wide, over some: artefacts that a parser shall ignore."""
    chosen = _choose(len(images), _LITTERED_SHARE, generator)
    if not len(chosen):
        return images
    donor = torch.randperm(len(images), generator=generator)[: len(chosen)]
    height, width = images.shape[2:]
    hills = torch.randn(len(chosen), 1, height // 5, width // 5, generator=generator)
    hills = F.interpolate(hills, size=(height, width), mode="bilinear")
    crumbs = (4 * (hills - 1.3)).clamp(0, 0.8)
    return images.index_copy(0, chosen, torch.lerp(images[chosen], images[donor], crumbs))


def soften(images: Tensor, hair: Tensor, generator: Generator) -> Tensor:
    """Blur some portraits, or sample them down and up: everywhere, in the hair, or along its border."""
    chosen = _choose(len(images), _SOFTENED_SHARE, generator)
    if not len(chosen):
        return images
    sharp, inside = images[chosen], hair[chosen]
    strength, kind = torch.rand(2, generator=generator).tolist()
    if kind < 0.5:
        soft = _blur(sharp, sigma=0.5 + 1.3 * strength)
    else:
        scale = 0.35 + 0.4 * strength
        small = F.interpolate(sharp, scale_factor=scale, mode="bilinear", antialias=True)
        soft = F.interpolate(small, size=sharp.shape[2:], mode="bilinear")
    edge = _blur(inside, sigma=1.5)
    border = (4 * edge * (1 - edge)).clamp(max=1)
    place = torch.rand(len(chosen), 1, 1, 1, generator=generator)
    where = torch.where(place < 0.25, border, torch.maximum(inside, (place >= 0.6).float()))
    return images.index_copy(0, chosen, torch.lerp(sharp, soft, where))


def stipple(images: Tensor, hair: Tensor, generator: Generator) -> Tensor:
    """Speckle some portraits' hair (and a little of the rest) with noise of several grain sizes.

    The noise multiplies the brightness, as texture does.
    """
    chosen = _choose(len(images), _STIPPLED_SHARE, generator)
    if not len(chosen):
        return images
    size = images.shape[2:]
    grain = torch.zeros(len(chosen), 1, *size)
    for halvings, weight in ((0, 0.5), (1, 0.6), (2, 0.6)):
        coarse = torch.randn(len(chosen), 1, size[0] >> halvings, size[1] >> halvings, generator=generator)
        grain += weight * F.interpolate(coarse, size=size, mode="bilinear")
    strength = 0.05 + 0.3 * torch.rand(len(chosen), 1, 1, 1, generator=generator)
    where = 0.1 + 0.9 * hair[chosen]
    plain = images[chosen]
    return images.index_copy(0, chosen, plain + strength * where * grain * (plain + 1))


def _choose(count: int, share: float, generator: Generator) -> Tensor:
    return torch.nonzero(torch.rand(count, generator=generator) < share).flatten()


def _blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of [N, C, H, W]; the frame's edge is repeated outwards."""
    channels = images.shape[1]
    reach = int(3 * sigma + 0.5)
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma).square())
    taps = (taps / taps.sum()).expand(channels, 1, 1, -1)
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, taps, groups=channels), taps.transpose(2, 3), groups=channels)
