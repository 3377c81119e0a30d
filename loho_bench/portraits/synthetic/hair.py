"""The geometry of hair: guide strands that grow from the scalp, fall, and are waved; locks around them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from loho_bench.portraits.synthetic.head import SKULL_CENTRE, skull_radii
from loho_bench.portraits.synthetic.parameters import HairShape, HairTexture, Identity

GUIDES = 440
POINTS = 16
CHILDREN = 3
_DOWN = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class Layout:
    """Where the guides root and how they differ, the same for every portrait so that W stays smooth.

    azimuth [G] radians (0 in front), radius [G] in (0, 1) from crown to hairline, jitter [G, 8] standard
    normal, child_offset [G, C, 3] and child_tone [G, C] standard normal.
    """

    azimuth: np.ndarray
    radius: np.ndarray
    jitter: np.ndarray
    child_offset: np.ndarray
    child_tone: np.ndarray


@dataclass(frozen=True)
class Hair:
    """Guide strands [G, K, 3] and their children [G, C, K, 3] around the unrotated head."""

    guides: np.ndarray
    children: np.ndarray


@cache
def layout() -> Layout:
    """A sunflower of roots on the scalp."""
    random = np.random.RandomState(7)
    index = np.arange(GUIDES) + 0.5
    azimuth = (np.pi * (1 + 5**0.5) * index + np.pi) % (2 * np.pi) - np.pi
    jitter = random.randn(GUIDES, 8).clip(-2.2, 2.2)
    offset = random.randn(GUIDES, CHILDREN, 3).clip(-2, 2)
    return Layout(
        azimuth, np.sqrt(index / GUIDES), jitter, offset, random.randn(GUIDES, CHILDREN).clip(-2, 2)
    )


def grow(identity: Identity, shape: HairShape, texture: HairTexture) -> Hair:
    """The hair of a head in a cut and a texture."""
    roots = layout()
    radii = skull_radii(identity)
    facing = np.cos(roots.azimuth)
    reach = np.where(
        facing > 0,
        _mix(1.72, 0.98 - 1.6 * shape.hairline, np.abs(facing) ** 1.1),
        _mix(1.72, 2.15, -facing),
    )
    polar = roots.radius * reach
    outward = np.stack(
        [np.sin(polar) * np.sin(roots.azimuth), -np.cos(polar), np.sin(polar) * np.cos(roots.azimuth)], 1
    )
    front = np.clip((facing - 0.35) / 0.4, 0, 1) * np.clip((polar - 0.25) / 0.4, 0, 1)
    fringe = front * shape.fringe
    upright = _smooth(0.0, 0.4, shape.lift)
    length = _lengths(shape, fringe, upright, outward, reach)
    direction = _first_direction(shape, texture, fringe, front, facing, radii * outward)
    guides = _fall(shape, radii, SKULL_CENTRE + radii * outward, direction, length, fringe)
    guides = _clear_face(identity, shape, texture, guides, fringe, upright)
    guides = _wave(shape, texture, guides, length, fringe)
    return Hair(guides, _children(shape, texture, guides))


def _lengths(
    shape: HairShape, fringe: np.ndarray, upright: float, outward: np.ndarray, reach: np.ndarray
) -> np.ndarray:
    roots = layout()
    length = shape.length * (1 + 0.11 * roots.jitter[:, 0])
    # A strand either is short enough for a fringe or is swept aside by _clear_face: never neither.
    to_brow = (0.28 + 0.62 * reach - 0.55 * reach * roots.radius + 0.05 * roots.jitter[:, 4]).clip(0.25, 0.9)
    length = _mix(length, np.minimum(length, to_brow), _smooth(0.08, 0.26, fringe))
    length = length * (1 + shape.asymmetry * np.tanh(outward[:, 0] * 3) * (1 - upright))
    return _mix(length, 0.16 + 0.30 * shape.length**0.6 * (1 + 0.10 * roots.jitter[:, 5]), upright)


def _first_direction(
    shape: HairShape,
    texture: HairTexture,
    fringe: np.ndarray,
    front: np.ndarray,
    facing: np.ndarray,
    root: np.ndarray,
) -> np.ndarray:
    from_part = root[:, 0] - 0.5 * shape.parting
    side = np.where(from_part >= 0, 1.0, -1.0) * np.maximum(0.20, np.abs(np.tanh(5 * from_part)))
    back = 0.35 * (1 - fringe) * front * (1 - abs(shape.parting))
    direction = np.stack(
        [side * (1 - 0.75 * fringe), -0.05 + 0.3 * fringe, _mix(-0.40, 0.55, fringe) - back], 1
    )
    direction[:, 2] -= 0.55 * np.clip(-facing, 0, 1)
    # Hair of the sides and the nape starts downwards; sideways it would stand off like a bun.
    aside = (1 - front) * np.clip(root[:, 1] + 0.9, 0, 0.6) / 0.6
    direction[:, 0] *= 1 - 0.35 * aside
    direction[:, 1] += 0.55 * aside
    direction += 1.3 * texture.mess * layout().jitter[:, 1:4]
    return direction / np.linalg.norm(direction, axis=1, keepdims=True)


def _fall(
    shape: HairShape,
    radii: np.ndarray,
    root: np.ndarray,
    direction: np.ndarray,
    length: np.ndarray,
    fringe: np.ndarray,
) -> np.ndarray:
    """Walk down every strand: gravity bends it, the skull and the volume shell carry it."""
    roots = layout()
    step = length / (POINTS - 1)
    spread = 0.60 + 0.39 * np.abs(roots.jitter[:, 6].clip(-1.6, 1.6)) / 1.6
    shell = 1 + shape.volume * spread * (1 - 0.4 * fringe)
    guides = np.empty((GUIDES, POINTS, 3))
    guides[:, 0] = current = root
    for k in range(1, POINTS):
        walked = k * step
        weight = (np.clip(walked * 0.55, 0, 1) * 0.55 + 0.06)[:, None]
        direction = direction * (1 - weight) + _DOWN * weight
        relative = (current - SKULL_CENTRE) / radii
        height = np.linalg.norm(relative, axis=1, keepdims=True)
        normal = relative / height / radii
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        along = (direction * normal).sum(1, keepdims=True)
        # Within the shell a strand may slide along the head; it neither dives in nor, unlifted, stands off.
        blocked = (height < shell[:, None] * 1.02) & (along < 0)
        rising = (along > 0) & (relative[:, 1:2] < 0.35)
        direction = direction - normal * along * np.where(blocked, 1.0, np.where(rising, 0.45, 0.0))
        moving = _mix(direction, normal, 0.9 * shape.lift)
        moving = moving / np.linalg.norm(moving, axis=1, keepdims=True)
        if k > POINTS * 0.6:
            moving[:, 0] += 0.22 * shape.tip_curl * np.sign(current[:, 0]) * (1 - fringe) * (1 - shape.lift)
        current = current + moving * step[:, None]
        relative = (current - SKULL_CENTRE) / radii
        height = np.linalg.norm(relative, axis=1)
        target = np.minimum(shell, 1 + (shell - 1) * np.clip(walked / 0.30, 0, 1))
        grown = np.maximum(target / np.maximum(height, 1e-6), 1)[:, None]
        current = SKULL_CENTRE + radii * relative * grown
        guides[:, k] = current
    return guides


def _clear_face(
    identity: Identity,
    shape: HairShape,
    texture: HairTexture,
    guides: np.ndarray,
    fringe: np.ndarray,
    upright: float,
) -> np.ndarray:
    """Push what hangs before the face, and is no fringe, to its own side of the parting."""
    y, z = guides[:, :, 1], guides[:, :, 2]
    swept = (1 - _smooth(0.26, 0.42, fringe)) * (1 - _smooth(0.6, 1.0, upright))
    open_width = identity.face_width * (0.84 + 0.15 * shape.face_opening) + 0.7 * texture.wave_amplitude
    weight = _smooth(-0.80, -0.25, y) * _smooth(-0.15, 0.30, z) * swept[:, None]
    weight = weight * np.minimum(np.arange(POINTS) / 2, 1)
    # A strand goes wholly to the side on which most of it hangs.
    side = np.where((guides[:, :, 0] * (weight + 1e-6)).sum(1, keepdims=True) >= 0, 1.0, -1.0)
    own = guides[:, :, 0] * side
    pushed = np.maximum(open_width - own, 0) * weight
    spread = np.abs(layout().jitter[:, 7:8]) * 0.10 * np.clip(pushed / 0.15, 0, 1)
    result = guides.copy()
    result[:, :, 0] = side * (own + pushed + spread)
    return result


def _wave(
    shape: HairShape, texture: HairTexture, guides: np.ndarray, length: np.ndarray, fringe: np.ndarray
) -> np.ndarray:
    roots = layout()
    walked = np.linspace(0, 1, POINTS)[None] * length[:, None]
    phase = (
        roots.jitter[:, 7:8] * (0.25 + 2.2 * shape.lift + 3.0 * texture.mess) + roots.azimuth[:, None] * 0.5
    )
    amplitude = texture.wave_amplitude + 0.07 * shape.lift
    amplitude = amplitude * np.clip(walked * 1.8, 0, 1) * (1 - 0.5 * fringe)[:, None]
    angle = (texture.wave_frequency + 6 * shape.lift) * walked + phase
    return guides + amplitude[..., None] * np.stack(
        [np.sin(angle), 0.4 * np.cos(angle + 1), np.cos(angle)], 2
    )


def _children(shape: HairShape, texture: HairTexture, guides: np.ndarray) -> np.ndarray:
    """Thin strands around each guide: apart at mid-length, gathered again at the tip of a lock."""
    profile = np.interp(np.linspace(0, 1, POINTS), [0, 0.55, 1], [0.6, 1.15, 0.75 + 2.0 * texture.mess])
    spread = np.array([0.036, 0.022, 0.032]) * (1 + 1.2 * shape.lift)
    offset = (layout().child_offset * spread)[:, :, None] * profile[None, None, :, None]
    return guides[:, None] + offset


def _mix(start: float | np.ndarray, end: float | np.ndarray, share: float | np.ndarray) -> np.ndarray:
    return start + (end - start) * share


def _smooth(start: float, end: float, value: float | np.ndarray) -> np.ndarray:
    """Smooth step: 0 up to `start`, 1 from `end` on, no kink between."""
    share = np.clip((value - start) / (end - start), 0, 1)
    return share * share * (3 - 2 * share)
