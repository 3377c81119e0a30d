"""Orientation maps beside those of MichiGAN's Python script, step by step and whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from loho_bench.annotation.orientation import (
    LEVELS_PER_HALF_TURN,
    filter_bank,
    orientation_angles,
    orientation_map,
    orientation_rgb,
    strongest_filter,
)
from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.reference import Reference

SECTION = None
FILE = "michigan/orientation.npz"
FILTERS = 1e-6
TIES = 1e-3
"""Share of pixels whose two best filters may have changed places; their answers are compared as well."""
ANGLE = np.pi / LEVELS_PER_HALF_TURN
"""Radians between two levels of a stored map; a tie that fell otherwise moves its surroundings by less."""
LEVEL = 1.0
CHANGED = 5e-3
"""Share of a map's pixels that such ties may move to the next level."""
_STEPS, _COLOURS = "crop", "orient_rgb"


def files(reference: Reference) -> list[str]:
    """Return the files that the folder should have for this component."""
    return [FILE] if reference.has(FILE) else []


def compare(reference: Reference) -> Iterator[Comparison]:
    """Compare the steps on a part of a photograph, the colours, and the maps of all photographs."""
    check, values = Checks("orientation"), reference.arrays(FILE)
    yield check.absolute("filters", filter_bank(), values[f"{_STEPS}.filter_bank"], FILTERS)
    number, answer = strongest_filter(np.squeeze(values[f"{_STEPS}.gray"]))
    yield check.deviation("strongest answer", answer, values[f"{_STEPS}.confidence"])
    told = "where the two best answers tie, rounding decides"
    yield check.equal("number of the filter", number, values[f"{_STEPS}.argmax_bin"], told, TIES)
    angles = orientation_angles(values[f"{_STEPS}.image_u8"], values[f"{_STEPS}.mask_u8"] > 0)
    wanted = values[f"{_STEPS}.theta_radians"]
    yield check.absolute("angles", wanted + _turn(angles - wanted, np.pi), wanted, ANGLE, told)
    colours = orientation_rgb(values[f"{_COLOURS}.input_orient_u8"], values[f"{_COLOURS}.label_u8"] > 0)
    yield check.equal("colours", colours, values[f"{_COLOURS}.output_u8"])
    for name in (key.removesuffix(".image_u8") for key in values if key.endswith(".image_u8")):
        hair, wanted = values[f"{name}.mask_u8"] > 0, values[f"{name}.orientation_u8"].astype(int)
        away = _turn(orientation_map(values[f"{name}.image_u8"], hair) - wanted, LEVELS_PER_HALF_TURN)
        told = f"{np.count_nonzero(away)} of {np.count_nonzero(hair)} pixels of hair differ"
        yield check.equal(f"map of {name}", wanted + away, wanted, told, CHANGED)
        yield check.absolute(f"map of {name}, levels", wanted + away, wanted, LEVEL)


def _turn(difference: np.ndarray, whole: float) -> np.ndarray:
    """Return differences of angles the shorter way round, from -whole / 2 to whole / 2."""
    return (difference + whole / 2) % whole - whole / 2
