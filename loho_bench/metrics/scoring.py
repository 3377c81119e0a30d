"""From the results of one method to tidy scores: a row for every tuple and score, failed ones included."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch

from loho_bench.annotation.choice import choose_parser
from loho_bench.annotation.masks import dilate, scaled_pixels
from loho_bench.curation.tuples import RECONSTRUCTION
from loho_bench.methods.protocol import Parser
from loho_bench.metrics.cost import COSTS
from loho_bench.metrics.hair_colour import hair_colour_difference
from loho_bench.metrics.latent_distance import latent_distance
from loho_bench.metrics.lpips_distance import lpips_distance
from loho_bench.metrics.psnr import psnr
from loho_bench.metrics.scoring_inputs import (
    RunInputs,
    load_inputs,
    load_result,
    parse_masks,
    read_results,
)
from loho_bench.metrics.spec import MetricSpec, get_metric
from loho_bench.metrics.ssim import ssim
from loho_bench.networks.graphonomy import HAIR
from loho_bench.networks.lpips import Lpips
from loho_bench.portraits.images import to_tensor
from loho_bench.progress import track
from loho_bench.settings.project import Settings
from loho_bench.storage import write_table
from loho_bench.weights.features import choose_features

MARGIN = 5  # pixels of a 256-pixel frame


@dataclass(frozen=True)
class Judges:
    """The networks that look at results: a parser for hair colour, LPIPS for the true answer."""

    parser: Parser
    lpips: Lpips

    @classmethod
    def of(cls, settings: Settings) -> Judges:
        """Load the networks that the settings name."""
        return cls(choose_parser(settings), choose_features(settings))


@dataclass(frozen=True, eq=False)
class Case:
    """One finished tuple on its way through the scores; ``row`` is the runner's."""

    row: pd.Series
    inputs: RunInputs
    judges: Judges
    result: np.ndarray
    answer: np.ndarray | None


@dataclass(frozen=True)
class Score:
    """One score of a tuple: a metric, what the result is compared with, and how to get the number.

    ``measure`` gives NaN where the number does not exist; ``missing`` then says why.
    """

    metric: MetricSpec
    against: str
    label: str
    task: Literal["transfer", "reconstruction", "both"]
    protocol: str
    measure: Callable[[Case], float]
    needs_answer: bool = False
    missing: str = "the runner recorded no value"

    def applies(self, category: str, synthetic: bool) -> bool:
        """Whether tuples of this category have this score."""
        task = "reconstruction" if category == RECONSTRUCTION else "transfer"
        return self.task in (task, "both") and (synthetic or not self.needs_answer)


def _recorded(name: str) -> Callable[[Case], float]:
    return lambda case: _number(case.row.get(name))


def _number(value: object) -> float:
    return float("nan") if value is None else float(value)


def _identity_psnr(case: Case) -> float:
    return psnr(case.result, case.inputs.image(case.row["identity"]))


def _identity_ssim(case: Case) -> float:
    return ssim(case.result, case.inputs.image(case.row["identity"]))


def _kept_face_psnr(case: Case) -> float:
    """PSNR to the identity inside ``M1^f ∩ (1 − M2^{h,d})``, the region of the identity loss (eq. 2)."""
    hair = case.inputs.mask(case.row["structure"], "hair")
    margin = scaled_pixels(MARGIN, case.inputs.resolution)
    grown = dilate(torch.from_numpy(hair).float()[None, None], margin)[0, 0].numpy() > 0
    region = case.inputs.mask(case.row["identity"], "face") & ~grown
    if not region.any():
        return float("nan")
    return psnr(case.result[region][None], case.inputs.image(case.row["identity"])[region][None])


def _hair_colour(case: Case) -> float:
    hair = parse_masks(case.judges.parser, case.result)[HAIR]
    appearance = case.row["appearance"]
    return hair_colour_difference(
        case.result, hair, case.inputs.image(appearance), case.inputs.mask(appearance, "hair")
    )


def _latent_distance(case: Case) -> float:
    path = case.row.get("latents")
    if not isinstance(path, str):
        return float("nan")
    with np.load(case.inputs.root / path, allow_pickle=False) as stored:
        latents, mean = torch.from_numpy(stored["latents"]), torch.from_numpy(stored["mean"])
    return float(latent_distance(latents[None], mean)[0])


def _answer_lpips(case: Case) -> float:
    result, answer = to_tensor(case.result[None]), to_tensor(case.answer[None])
    return float(lpips_distance(case.judges.lpips, result, answer))


_ANSWER = (
    "Final portrait against the true answer, which the renderer draws from the three portraits' parameters."
)

SCORES: tuple[Score, ...] = (
    Score(
        get_metric("hair_iou"),
        "structure",
        "Hair IoU",
        "transfer",
        "Generator image of the last iteration, not blended, parsed, against the structure's hair mask.",
        _recorded("hair_iou"),
    ),
    Score(
        get_metric("hair_colour"),
        "appearance",
        "Hair colour error",
        "transfer",
        "Final portrait, inside its own parsed hair mask, against the appearance portrait's hair.",
        _hair_colour,
        missing="no hair was found in the result or in the appearance portrait",
    ),
    Score(
        get_metric("psnr"),
        "identity face",
        "Face kept",
        "transfer",
        "Final portrait against the identity, inside its face mask, outside the structure's dilated hair.",
        _kept_face_psnr,
        missing="the structure's hair covers the whole face",
    ),
    Score(get_metric("psnr"), "true answer", "PSNR", "transfer", _ANSWER,
          lambda case: psnr(case.result, case.answer), needs_answer=True),
    Score(get_metric("ssim"), "true answer", "SSIM", "transfer", _ANSWER,
          lambda case: ssim(case.result, case.answer), needs_answer=True),
    Score(get_metric("lpips"), "true answer", "LPIPS", "transfer", _ANSWER, _answer_lpips, needs_answer=True),
    Score(get_metric("psnr"), "identity", "PSNR", "reconstruction",
          "Final portrait against the one image that served as identity, structure and appearance.",
          _identity_psnr),
    Score(get_metric("ssim"), "identity", "SSIM", "reconstruction",
          "Final portrait against the one image that served as identity, structure and appearance.",
          _identity_ssim),
    Score(get_metric("latent_distance"), "mean latent", "‖w* − ŵ‖", "reconstruction",
          "W+ found by the reconstruction against the mean latent.", _latent_distance,
          missing="the method works without latents"),
    *(Score(cost, "", cost.label, "both", cost.protocol, _recorded(cost.name)) for cost in COSTS),
)  # fmt: skip

_FROM_RESULTS = ("resolution", "seed", "precision", "settings_hash", "weights_hash", "device")


def score_method(
    method: str,
    settings: Settings,
    out: str | Path | None = None,
    *,
    root: str | Path = ".",
    judges: Judges | None = None,
) -> pd.DataFrame:
    """Score every tuple of ``method`` and write ``scores/METHOD.parquet``.

    Returns
    -------
    DataFrame
        Columns tuple_id, method, category, metric, against, value, unit, status ("ok" or "failed"),
        reason, protocol, resolution, seed, precision, settings_hash, weights_hash, device. The value of a
        failed row is NaN.

    Raises
    ------
    UserError
        Tables of the run are missing or broken, or the method has no results.
    """
    inputs = load_inputs(settings.transfer.resolution, root)
    judges = judges or Judges.of(settings)
    results = read_results(inputs, method)
    rows: list[dict[str, object]] = []
    for _, row in track(results.iterrows(), f"scoring {method}", total=len(results)):
        rows += _score_tuple(row, inputs, judges)
    table = pd.DataFrame(rows)
    write_table(table, Path(out) if out else inputs.root / "scores" / f"{method}.parquet")
    return table


def _score_tuple(row: pd.Series, inputs: RunInputs, judges: Judges) -> list[dict[str, object]]:
    scores = [score for score in SCORES if score.applies(row["category"], inputs.synthetic)]
    case = None
    if row["status"] == "ok":
        answer = inputs.true_answer(row).image if any(score.needs_answer for score in scores) else None
        case = Case(row, inputs, judges, load_result(inputs.root / row["portrait"]), answer)
    return [_score_row(score, row, case) for score in scores]


def _score_row(score: Score, row: pd.Series, case: Case | None) -> dict[str, object]:
    value = score.measure(case) if case else float("nan")
    reason = "" if not math.isnan(value) else score.missing if case else str(row["reason"])
    return {
        "tuple_id": row["tuple_id"],
        "method": row["method"],
        "category": row["category"],
        "metric": score.metric.name,
        "against": score.against,
        "value": value,
        "unit": score.metric.unit,
        "status": "failed" if math.isnan(value) else "ok",
        "reason": reason,
        "protocol": score.protocol,
        **{name: row.get(name) for name in _FROM_RESULTS},
    }
