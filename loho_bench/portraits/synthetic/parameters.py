"""What a synthetic portrait is made of: nine independent groups of numbers and one texture seed.

Lengths are in head units: half the height of the face below the eyes is about one, the half width about 0.76.
Angles are radians. Values called hue, saturation, tone or similar are fractions in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from loho_bench.errors import UserError


@dataclass(frozen=True)
class Identity:
    """The person: proportions of the face, skin, eyes and brows."""

    face_width: float
    jaw_roundness: float
    chin_height: float
    eye_size: float
    eye_spacing: float
    eye_opening: float
    brow_height: float
    brow_thickness: float
    brow_tilt: float
    nose_length: float
    nose_width: float
    mouth_width: float
    lip_fullness: float
    skin_tone: float
    skin_warmth: float
    eye_colour: float


@dataclass(frozen=True)
class Pose:
    """Rotation of the head, radians. Positive yaw turns the nose to the right of the image."""

    yaw: float
    pitch: float


@dataclass(frozen=True)
class Expression:
    """Smile in [-1, 1] and opening of the mouth in [0, 1]."""

    smile: float
    mouth_opening: float


@dataclass(frozen=True)
class Light:
    """Direction the light comes from, in image axes (x right, y down), before normalisation."""

    x: float
    y: float


@dataclass(frozen=True)
class HairShape:
    """The cut: where hair grows, how long it is and where it falls."""

    length: float
    lift: float
    volume: float
    parting: float
    fringe: float
    hairline: float
    tip_curl: float
    asymmetry: float
    face_opening: float


@dataclass(frozen=True)
class HairColour:
    """Pigment, dye and gloss of the hair, and how much its strands differ in shade (`streak`)."""

    lightness: float
    redness: float
    dye: float
    dye_hue: float
    gloss: float
    streak: float


@dataclass(frozen=True)
class HairTexture:
    """Waves and disorder of the strands."""

    wave_amplitude: float
    wave_frequency: float
    mess: float


@dataclass(frozen=True)
class Background:
    """Five fractions that set the two colours, the slope and the glow of the backdrop."""

    hue: float
    saturation: float
    value: float
    slope: float
    glow: float


@dataclass(frozen=True)
class Clothing:
    """Colour and neckline of the upper clothes, fractions."""

    hue: float
    saturation: float
    value: float
    neckline: float


@dataclass(frozen=True)
class PortraitParameters:
    """Everything `render` needs. `texture_seed` (int >= 0) draws the fine noise, see `noise_maps`."""

    identity: Identity
    pose: Pose
    expression: Expression
    light: Light
    hair_shape: HairShape
    hair_colour: HairColour
    hair_texture: HairTexture
    background: Background
    clothing: Clothing
    texture_seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionary of floats and one int; survives JSON exactly (floats keep all digits)."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PortraitParameters:
        """Inverse of `to_dict`. Raises UserError where a group or a number is missing or unknown."""
        try:
            content = dict(values)
            groups = {name: kind(**content.pop(name)) for name, kind in _GROUPS.items()}
            return cls(**groups, **content)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                "These are not the parameters of a synthetic portrait",
                cause=f"{type(error).__name__}: {error}",
                remedy="Write them with PortraitParameters.to_dict().",
            ) from error


_GROUPS: dict[str, type] = {
    "identity": Identity,
    "pose": Pose,
    "expression": Expression,
    "light": Light,
    "hair_shape": HairShape,
    "hair_colour": HairColour,
    "hair_texture": HairTexture,
    "background": Background,
    "clothing": Clothing,
}


def combine(
    *, identity: PortraitParameters, structure: PortraitParameters, appearance: PortraitParameters
) -> PortraitParameters:
    """The true answer of a hair transfer, as LOHO (section 3) divides a portrait's attributes.

    From `identity`: face, pose, expression, light, background, clothing and texture seed.
    From `structure`: the hair's shape (length, lift, volume, parting, fringe, hairline, tips, asymmetry)
    and its texture (waves, mess), together the shape and perceptual structure of the paper.
    From `appearance`: pigment, dye, gloss and streaks, the paper's colour and style.
    """
    return replace(
        identity,
        hair_shape=structure.hair_shape,
        hair_texture=structure.hair_texture,
        hair_colour=appearance.hair_colour,
    )
