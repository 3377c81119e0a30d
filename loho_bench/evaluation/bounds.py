"""Which figures the embedded world is judged by, and what is wanted of them: one declaration."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Figure:
    """A figure and its bound.

    Attributes
    ----------
    name : str
        In the result; a dot leads into a dictionary.
    label : str
    unit : str
    direction : "at least" or "at most"
    bound : float or None
        None: reported, not judged.
    """

    name: str
    label: str
    unit: str = ""
    direction: Literal["at least", "at most"] = "at least"
    bound: float | None = None


FIGURES = (
    Figure("inversion_psnr", "inversion, PSNR", "dB", "at least", 29),
    Figure("inversion_ssim", "inversion, SSIM", "", "at least", 0.88),
    Figure("sample_classifier_accuracy", "samples told from renders", "", "at most"),
    Figure("sample_classifier_accuracy_hair", "samples' hair told from renders'", "", "at most"),
    Figure("parser_hair_iou", "parser, hair IoU", "", "at least", 0.96),
    Figure("parser_face_iou", "parser, face IoU", "", "at least", 0.97),
    Figure("parser_hair_iou_generated", "parser, hair IoU, generated", "", "at least", 0.93),
    Figure("parser_face_iou_generated", "parser, face IoU, generated", "", "at least", 0.93),
    Figure("landmark_error_px", "landmarks, mean error", "px of 128", "at most", 1.2),
    Figure("landmark_error_p90_px", "landmarks, 90th percentile", "px of 128", "at most", 2.5),
    Figure("landmark_error_worst_tenth_px", "landmarks, worst tenth", "px of 128", "at most", 2.5),
    *(
        Figure(f"probe_r2.{name}", f"probe R², {name.replace('_', ' ')}", "", "at least", 0.9)
        for name in ("hair_colour", "hair_length", "hair_texture", "yaw", "skin")
    ),
    Figure("judgement_accuracy", "judgements right", "", "at least", 0.95),
    Figure("transfer_hair_iou", "LOHO, hair IoU", "", "at least", 0.85),
    Figure("transfer_colour_error", "LOHO, hair colour error", "of 255", "at most", 12),
    Figure("transfer_true_lpips", "LOHO, LPIPS to the true answer", "", "at most"),
    Figure("transfers_loho-no-go.transfer_hair_iou", "no GO, hair IoU"),
    Figure("transfers_loho-no-go.transfer_colour_error", "no GO, hair colour error", "of 255", "at most"),
    Figure("weights_megabytes", "all weights", "MB", "at most", 32),
    Figure("seconds", "time of this evaluation", "s", "at most", 1500),
)


@dataclass(frozen=True)
class Verdict:
    """A figure with its value; ``kept`` is None where there is no bound."""

    name: str
    label: str
    unit: str
    direction: str
    bound: float | None
    value: float | None
    kept: bool | None


def judge(figures: Mapping[str, Any], declared: Sequence[Figure] = FIGURES) -> list[Verdict]:
    """Compare figures with their bounds; a bounded one that is missing or NaN is not kept."""
    return [_verdict(figure, _look_up(figures, figure.name)) for figure in declared]


def verdict_table(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield the lines of a table for people."""
    width = max(len(verdict.label) for verdict in verdicts)
    yield f"{'figure':{width}}  {'found':>9}  wanted"
    for verdict in verdicts:
        value = "none" if verdict.value is None else f"{verdict.value:.4g}"
        wanted = "" if verdict.bound is None else f"{verdict.direction} {verdict.bound:g} {verdict.unit}"
        mark = {True: "✓", False: "✗", None: " "}[verdict.kept]
        yield f"{verdict.label:{width}}  {value:>9}  {mark} {wanted or verdict.unit}".rstrip()


def _verdict(figure: Figure, value: float | None) -> Verdict:
    kept = None
    if figure.bound is not None:
        sign = 1 if figure.direction == "at least" else -1
        kept = value is not None and sign * value >= sign * figure.bound
    return Verdict(**vars(figure), value=value, kept=kept)


def _look_up(figures: Mapping[str, Any], name: str) -> float | None:
    found: Any = figures
    for key in name.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return None if found is None or math.isnan(found) else float(found)
