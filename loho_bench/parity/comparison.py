"""One comparison of a computed with a reference value, and the ways to measure how far they are apart.

Tolerances are those of float32 sums in another order. A value that is not a number is never within one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

IMAGE = 1e-4
"""Images: largest deviation in standard deviations of the reference."""
LOSS = 1e-4
"""Losses: relative."""
GRADIENT = 1e-3
"""Gradients: relative, in norm."""
LOGITS = 1e-3
"""Class scores: largest deviation in standard deviations of the reference."""
KEPT_AS_HALF = "kept as float16, whose rounding does not count"

DEVIATION = "max / std"
RELATIVE = "relative"
NORM = "norm / norm"
ABSOLUTE = "max"
SCALED = "max / scale"
UNEQUAL = "share unequal"

_HALF_PLACE = 2.0**-11
_SMALLEST_NORMAL_HALF = 2.0**-14
_KINK_SHARE = 0.01
_KINK_LIMIT = 1e-2


@dataclass(frozen=True)
class Comparison:
    """What one comparison gave.

    ``absolute`` is the largest absolute difference. ``relative`` is what ``tolerance`` limits; ``measure``
    says what it is: the largest difference in standard deviations of the reference (``max / std``), the
    largest relative difference, the norm of the difference over that of the reference, the largest difference
    itself (``max``) or in a unit that the note names (``max / scale``), or the share of unequal entries.
    ``note`` tells of an exception, if one was made.
    """

    component: str
    case: str
    absolute: float
    relative: float
    tolerance: float
    measure: str
    ok: bool
    note: str = ""

    @property
    def severity(self) -> float:
        """How far out: ``relative / tolerance``; infinite where it is no number, or should have been 0."""
        if math.isnan(self.relative):
            return math.inf
        if self.tolerance == 0:
            return 0.0 if self.relative == 0 else math.inf
        return self.relative / self.tolerance


@dataclass(frozen=True)
class Checks:
    """Makes the comparisons of one component.

    Every method takes the case's name, the computed and the reference value (tensors, arrays or numbers of
    one shape) and the tolerance.
    """

    component: str

    def deviation(
        self, case: str, found: Any, wanted: Any, tolerance: float = IMAGE, note: str = ""
    ) -> Comparison:
        """Largest difference in standard deviations of the reference.

        Where the reference is float16, half its last place is subtracted from every difference first.
        """
        if getattr(wanted, "dtype", None) not in (torch.float16, np.float16):
            return self._compare(case, found, wanted, tolerance, DEVIATION, note)
        found, wanted = _numbers(found), _numbers(wanted)
        if found.shape == wanted.shape:
            rounding = _HALF_PLACE * np.maximum(np.abs(wanted), _SMALLEST_NORMAL_HALF)
            found = wanted + np.sign(found - wanted) * np.maximum(np.abs(found - wanted) - rounding, 0)
        return self._compare(case, found, wanted, tolerance, DEVIATION, _join(note, KEPT_AS_HALF))

    def relative(
        self, case: str, found: Any, wanted: Any, tolerance: float = LOSS, note: str = ""
    ) -> Comparison:
        """Largest relative difference, entry by entry."""
        return self._compare(case, found, wanted, tolerance, RELATIVE, note)

    def norm(
        self, case: str, found: Any, wanted: Any, tolerance: float = GRADIENT, note: str = ""
    ) -> Comparison:
        """Norm of the difference over the norm of the reference."""
        return self._compare(case, found, wanted, tolerance, NORM, note)

    def absolute(self, case: str, found: Any, wanted: Any, tolerance: float, note: str = "") -> Comparison:
        """Largest difference, in the unit of the values."""
        return self._compare(case, found, wanted, tolerance, ABSOLUTE, note)

    def scaled(
        self, case: str, found: Any, wanted: Any, scale: Any, tolerance: float, note: str
    ) -> Comparison:
        """Largest difference in units of ``scale`` (of the values' shape, or one number)."""
        return self._compare(case, found, wanted, tolerance, SCALED, note, scale)

    def equal(self, case: str, found: Any, wanted: Any, note: str = "", tolerance: float = 0.0) -> Comparison:
        """Share of entries that are not equal."""
        return self._compare(case, found, wanted, tolerance, UNEQUAL, note)

    def gradient(self, case: str, found: Any, wanted: Any, note: str = "") -> Comparison:
        """Compare gradients ``[N,C,H,W]`` in norm, and forgive pixels beside the kink of a ReLU.

        Where an activation lies within rounding of 0, or two candidates of a maximum do, the last bit decides
        the slope, and a patch of some pixels below it differs. If the whole is out of tolerance by less than
        a tenfold, the hundredth of the pixels that differs most is left out (one at least); the note says so.
        """
        plain = self.norm(case, found, wanted, note=note)
        if plain.ok or not plain.relative < _KINK_LIMIT:
            return plain
        found, wanted = _numbers(found), _numbers(wanted)
        pixels = np.square(found - wanted).sum(axis=1).ravel()
        left_out = math.ceil(_KINK_SHARE * pixels.size)
        error = math.sqrt(np.sort(pixels)[: pixels.size - left_out].sum()) / float(np.linalg.norm(wanted))
        which = f"{left_out} of {pixels.size} pixels beside a ReLU's kink"
        told = f"without {which} ({plain.relative:.1e} with them)"
        return replace(plain, relative=error, ok=error <= GRADIENT, note=_join(note, told))

    def worst(self, case: str, comparisons: Iterable[Comparison]) -> Comparison:
        """Return the one of several comparisons that is furthest out, under a common name."""
        several = list(comparisons)
        chosen = max(several, key=lambda one: one.severity)
        return replace(
            chosen,
            case=case,
            absolute=max(one.absolute for one in several),
            ok=all(one.ok for one in several),
            note=_join(f"worst of {len(several)}: {chosen.case}" if len(several) > 1 else "", chosen.note),
        )

    def failure(self, case: str, error: Exception) -> Comparison:
        """Tell that something could not be computed at all."""
        message = " ".join(str(error).split()) or type(error).__name__
        return Comparison(self.component, case, math.nan, math.nan, 0.0, "computed", False, message)

    def _compare(
        self,
        case: str,
        found: Any,
        wanted: Any,
        tolerance: float,
        measure: str,
        note: str,
        scale: Any = 1.0,
    ) -> Comparison:
        found, wanted = _numbers(found), _numbers(wanted)
        if found.shape != wanted.shape:
            told = f"shape {list(found.shape)}, the reference has {list(wanted.shape)}"
            return Comparison(
                self.component, case, math.inf, math.inf, tolerance, measure, False, _join(note, told)
            )
        with np.errstate(invalid="ignore", divide="ignore"):
            # Infinite where the reference is (the PSNR of equal images) is no difference.
            difference = np.where(found == wanted, 0.0, np.abs(found - wanted))
            largest = float(difference.max(initial=0.0))
            error = _measured(measure, difference / _numbers(scale), wanted)
        return Comparison(self.component, case, largest, error, tolerance, measure, error <= tolerance, note)


def _measured(measure: str, difference: np.ndarray, wanted: np.ndarray) -> float:
    largest = float(difference.max(initial=0.0))
    if largest == 0:
        return 0.0
    if measure == DEVIATION:
        return largest / float(wanted.std())
    if measure == RELATIVE:
        return float((difference[difference != 0] / np.abs(wanted[difference != 0])).max())
    if measure == NORM:
        return float(np.linalg.norm(difference) / np.linalg.norm(wanted))
    if measure == UNEQUAL:
        return float((difference != 0).mean())
    return largest


def _numbers(value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().double().numpy()
    return np.asarray(value, dtype=np.float64)


def _join(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
