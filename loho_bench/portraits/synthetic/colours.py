"""Palettes of skin, hair, eyes and cloth: RGB float32 [3] in [0, 1]."""

from __future__ import annotations

import numpy as np

from loho_bench.portraits.synthetic.parameters import HairColour, Identity

_SKIN = ((92, 58, 42), (141, 94, 66), (190, 138, 104), (226, 178, 146), (244, 208, 182))
_IRIS = ((60, 36, 22), (98, 62, 34), (120, 98, 52), (86, 118, 92), (92, 132, 168))
_BROW = ((22, 15, 12), (46, 30, 22), (92, 66, 46))


def palette(stops: tuple[tuple[int, int, int], ...], position: float) -> np.ndarray:
    """Colour at `position` in [0, 1] along equally spaced 8-bit stops."""
    places = np.linspace(0, 1, len(stops))
    channels = np.asarray(stops, np.float64).T / 255
    return np.array([np.interp(position, places, channel) for channel in channels], np.float32)


def skin_colour(identity: Identity) -> np.ndarray:
    """Skin in full light."""
    warmth = 1 + identity.skin_warmth * np.array([0.03, 0, -0.05])
    return np.clip(palette(_SKIN, identity.skin_tone) * warmth, 0, 1).astype(np.float32)


def iris_colour(identity: Identity) -> np.ndarray:
    """Iris."""
    return palette(_IRIS, identity.eye_colour)


def brow_colour(identity: Identity) -> np.ndarray:
    """Brows belong to the person, not to the hair: a transfer must leave them alone."""
    return palette(_BROW, 0.6 * identity.skin_tone + 0.4 * identity.eye_colour)


def hair_colour(colour: HairColour) -> np.ndarray:
    """Hair in full light: absorption by dark and red pigment, greys where red is nearly absent, then dye."""
    dark = 0.03 + 5.2 * (1 - colour.lightness) ** 2
    red = 1.1 * colour.redness**1.7 * (0.35 + 0.65 * colour.lightness)
    absorbed = dark * np.array([0.50, 0.76, 1.25]) + red * np.array([0.12, 0.75, 1.45])
    natural = np.exp(-absorbed) * np.array([0.95, 0.88, 0.74])
    grey = np.array([0.72, 0.71, 0.72]) * (0.3 + 0.7 * colour.lightness)
    grey_share = 0.8 * min(1.0, max(0.0, (0.12 - colour.redness) * 6))
    natural = natural + (grey - natural) * grey_share
    dyed = (0.5 + 0.42 * np.cos(colour.dye_hue + np.array([0, 2.1, 4.2]))) * (0.35 + 0.6 * colour.lightness)
    return np.clip(natural + (dyed - natural) * colour.dye, 0.02, 0.97).astype(np.float32)


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """RGB of a hue (cyclic, 1 is once round), a saturation and a value."""
    ramp = np.clip(np.abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return (value * (1 - saturation + saturation * ramp)).astype(np.float32)
