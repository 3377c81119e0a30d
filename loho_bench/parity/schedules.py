"""Learning rate and latent noise over an optimisation, beside the reference's curves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from loho_bench.methods.loho.schedule import latent_noise_factor, learning_rate
from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.reference import Reference
from loho_bench.settings.loho import LohoSettings

SECTION = "schedules"
FILE = "schedules.npz"
TOLERANCE = 1e-12
"""Both sides compute in float64."""

_FACTOR = re.compile(r"latent_noise_factor_ramp(?P<ramp>[0-9.e-]+)_noise(?P<strength>[0-9.e-]+)")


def files(reference: Reference) -> list[str]:
    """Return the files that the folder should have for this component."""
    return [FILE] if SECTION in reference.params else []


def compare(reference: Reference) -> Iterator[Comparison]:
    """Compare every curve that ``params.json`` describes, step by step."""
    check, stored, usual = Checks("schedules"), reference.arrays(FILE), LohoSettings()
    parameters = reference.params[SECTION]
    steps = int(parameters["steps"])
    progress = [step / steps for step in range(steps)]
    for i, rate in enumerate(parameters.get("lr", [])):
        initial = rate.get("initial_lr", usual.learning_rate)
        ramps = rate.get("rampup", usual.rampup), rate.get("rampdown", usual.rampdown)
        found = [learning_rate(t, initial, *ramps) for t in progress]
        yield check.absolute(
            f"learning rate {initial}, up {ramps[0]}, down {ramps[1]}, {steps} steps",
            found,
            stored[f"lr_{i}"],
            TOLERANCE,
        )
    for noise in parameters.get("noise", []):
        found = [latent_noise_factor(t, noise["strength"], noise["ramp"]) for t in progress]
        yield check.absolute(
            f"latent noise {noise['strength']} until {noise['ramp']}, {steps} steps",
            found,
            _factors(stored, noise["strength"], noise["ramp"]),
            TOLERANCE,
        )


def _factors(stored: dict[str, np.ndarray], strength: float, ramp: float) -> np.ndarray:
    """Find a curve by the numbers in its name, however they are written."""
    for name, values in stored.items():
        numbers = _FACTOR.fullmatch(name)
        if numbers and (float(numbers["strength"]), float(numbers["ramp"])) == (strength, ramp):
            return values
    return stored[f"latent_noise_factor_ramp{ramp}_noise{strength}"]
