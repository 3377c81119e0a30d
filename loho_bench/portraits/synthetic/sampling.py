"""Random portraits: from standard-normal latent vectors to parameters.

The ranges are chosen so that pairs of random portraits fill all three difficulty categories of LOHO's
Table 1, and so that some portraits have too little hair to be chosen at all.
"""

from __future__ import annotations

import numpy as np

from loho_bench.errors import UserError
from loho_bench.portraits.synthetic.parameters import (
    Background,
    Clothing,
    Expression,
    HairColour,
    HairShape,
    HairTexture,
    Identity,
    Light,
    PortraitParameters,
    Pose,
)

LATENT_SIZE = 48
YAW_RANGE = 0.42
PITCH_RANGE = 0.16


def from_latent(latent: np.ndarray, texture_seed: int = 0) -> PortraitParameters:
    """Parameters of a latent vector: `latent` float64 [48], meant as independent standard normals.

    Positions: identity 0-15, pose 16-17, light 18-19, expression 20-21, hair shape 22-30, hair colour
    31-34 and 38, hair texture 35-37, background 39-43, clothing 44-47.
    Raises UserError where `latent` has another shape.
    """
    z = np.asarray(latent, np.float64)
    if z.shape != (LATENT_SIZE,):
        raise UserError(
            f"A latent vector of a synthetic portrait has shape ({LATENT_SIZE},), this one {z.shape}",
            cause="The vector comes from somewhere else.",
            remedy="Use sample_latent(seed), or 48 standard normals.",
        )
    bounded = np.tanh(z).tolist()
    # The logistic curve is close to the normal distribution function: u is nearly uniform in (0, 1).
    u = (1.0 / (1.0 + np.exp(-1.7 * z))).tolist()
    identity = Identity(
        face_width=0.76 * (1 + 0.07 * bounded[0]),
        jaw_roundness=0.70 + 0.27 * u[1],
        chin_height=1.07 + 0.07 * bounded[2],
        eye_size=1.06 + 0.16 * bounded[3],
        eye_spacing=0.385 + 0.025 * bounded[4],
        eye_opening=1.06 + 0.22 * bounded[5],
        brow_height=0.035 * bounded[6],
        brow_thickness=0.65 + 0.8 * u[7],
        brow_tilt=0.05 * bounded[8],
        nose_length=0.045 * bounded[9],
        nose_width=0.95 + 0.2 * bounded[10],
        mouth_width=0.285 * (1 + 0.16 * bounded[11]),
        lip_fullness=0.65 + 0.8 * u[12],
        skin_tone=u[13],
        skin_warmth=bounded[14],
        eye_colour=u[15],
    )
    hair_shape = HairShape(
        length=0.30 + 2.5 * u[22] ** 1.5,
        lift=_ramp(u[23], 0.72, 1.0),
        volume=0.06 + 0.26 * u[24],
        parting=0.55 * float(np.tanh(1.2 * z[25])),
        fringe=_ramp(u[26], 0.55, 0.88),
        hairline=-0.07 + 0.17 * u[27],
        tip_curl=bounded[28],
        asymmetry=0.35 * bounded[29],
        face_opening=u[30],
    )
    hair_colour = HairColour(
        lightness=u[31],
        redness=u[32],
        dye=_ramp(u[33], 0.80, 1.05),
        dye_hue=float(1.3 * z[34] + 3.6),
        gloss=0.15 + 0.65 / (1 + float(np.exp(-1.7 * (0.7 * z[34] + 0.3 * z[31])))),
        streak=0.10 + 0.24 * u[38],
    )
    return PortraitParameters(
        identity=identity,
        pose=Pose(
            yaw=YAW_RANGE * float(np.tanh(0.8 * z[16])), pitch=PITCH_RANGE * float(np.tanh(0.8 * z[17]))
        ),
        expression=Expression(
            smile=float(np.tanh(z[20] + 0.4)), mouth_opening=max(0.0, float(np.tanh(z[21] - 0.3)))
        ),
        light=Light(x=0.75 * bounded[18], y=-0.35 + 0.3 * bounded[19]),
        hair_shape=hair_shape,
        hair_colour=hair_colour,
        hair_texture=HairTexture(
            wave_amplitude=0.16 * max(0.0, u[35] - 0.25) ** 1.3,
            wave_frequency=3.0 + 5.5 * u[36],
            mess=0.03 + 0.19 * u[37],
        ),
        background=Background(*u[39:44]),
        clothing=Clothing(*u[44:48]),
        texture_seed=int(texture_seed),
    )


def sample_latent(seed: int) -> np.ndarray:
    """The standard-normal latent vector of a seed: float64 [48]."""
    return np.random.default_rng(seed).standard_normal(LATENT_SIZE)


def sample_parameters(seed: int) -> PortraitParameters:
    """Parameters of a random portrait; `seed` (int >= 0) is its texture seed too."""
    return from_latent(sample_latent(seed), texture_seed=seed)


def _ramp(value: float, start: float, end: float) -> float:
    """0 up to `start`, then linear, 1 from `end` on."""
    return min(1.0, max(0.0, (value - start) / (end - start)))
