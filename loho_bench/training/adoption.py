"""A network made anew becomes the package's own only if it is not worse than the one it replaces."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from loho_bench.errors import UserError, suggest
from loho_bench.progress import get_logger
from loho_bench.storage import atomic_path, file_sha256, read_json, write_json
from loho_bench.weights.embedded import FOLDER


@dataclass(frozen=True)
class KeyFigure:
    """A held-out figure that decides.

    Attributes
    ----------
    name : str
        On the card, in ``held_out``; a dot leads into a dictionary.
    better : "higher" or "lower"
    tolerance : float
        By this much the new network may be worse: what another seed changes.
    """

    name: str
    better: Literal["higher", "lower"]
    tolerance: float


KEY_FIGURES: dict[str, tuple[KeyFigure, ...]] = {
    "generator": (
        KeyFigure("inversion_psnr_400", "higher", 0.3),
        KeyFigure("inversion_ssim_400", "higher", 0.005),
        KeyFigure("code_psnr", "higher", 0.3),
    ),
    "parser": (
        KeyFigure("hair_iou", "higher", 0.003),
        KeyFigure("face_iou", "higher", 0.003),
        KeyFigure("hair_iou_degraded", "higher", 0.005),
    ),
    "landmarks": (
        KeyFigure("mean_error", "lower", 0.04),
        KeyFigure("error_95", "lower", 0.1),
    ),
    "features": (
        KeyFigure("judgement_accuracy", "higher", 0.01),
        KeyFigure("probe_r2.hair_colour", "higher", 0.02),
        KeyFigure("probe_r2.hair_length", "higher", 0.02),
        KeyFigure("probe_r2.hair_texture", "higher", 0.02),
        KeyFigure("probe_r2.yaw", "higher", 0.02),
        KeyFigure("probe_r2.skin", "higher", 0.02),
    ),
    "extractor": (
        KeyFigure("probe_r2.hair_colour", "higher", 0.02),
        KeyFigure("probe_r2.hair_length", "higher", 0.02),
        KeyFigure("probe_r2.hair_texture", "higher", 0.02),
        KeyFigure("probe_r2.identity", "higher", 0.02),
    ),
    "michigan": (
        KeyFigure("hair_lpips", "lower", 0.02),
        KeyFigure("hair_colour_error", "lower", 0.5),
        KeyFigure("transfer_colour_error", "lower", 1.0),
    ),
    "inpainter": (
        KeyFigure("backdrop_psnr", "higher", 0.5),
        KeyFigure("border_l1", "lower", 0.3),
        KeyFigure("body_psnr", "higher", 0.5),
    ),
}


@dataclass(frozen=True)
class Comparison:
    """One key figure of the network shipped now and of the new one; ``change`` > 0 is an improvement."""

    figure: KeyFigure
    old: float
    new: float

    @property
    def worse(self) -> bool:
        """Whether the new network falls behind by more than the tolerance; a NaN does."""
        sign = 1 if self.figure.better == "higher" else -1
        return not sign * (self.new - self.old) >= -self.figure.tolerance

    def __str__(self) -> str:
        kind = f"{self.figure.better} is better, tolerance {self.figure.tolerance:g}"
        return f"{self.figure.name} {self.old:.4g} -> {self.new:.4g} ({kind})"


def compare_cards(
    old: Mapping[str, Any], new: Mapping[str, Any], figures: Sequence[KeyFigure]
) -> list[Comparison]:
    """Compare the ``held_out`` figures of two cards, those of ``figures`` that both have."""
    pairs = [(f, _look_up(old, f.name), _look_up(new, f.name)) for f in figures]
    return [Comparison(f, before, after) for f, before, after in pairs if None not in (before, after)]


def adopt(name: str, folder: str | Path, *, reason: str | None = None, shipped: Path = FOLDER) -> str:
    """Copy ``folder/NAME.safetensors`` and its card to the package's own weights.

    The card gets a group ``adopted``: the date, and where there was a network before, its SHA-256, the
    figures compared and the reason of a forced adoption.

    Parameters
    ----------
    name : str
    folder : str or Path
        Where the training left both files.
    reason : str, optional
        Adopt the network even if it is worse.
    shipped : Path
        Folder of the package's own weights.

    Returns
    -------
    str
        What was done, in a line for people.

    Raises
    ------
    UserError
        The network is unknown; a file is missing; weights and card do not belong together; the new network is
        worse; or nothing on the cards can be compared.
    """
    if name not in KEY_FIGURES:
        raise UserError(
            f"unknown network '{name}'.{suggest(name, KEY_FIGURES)}",
            cause="nothing says which figures of it decide",
            remedy=f"choose one of: {', '.join(KEY_FIGURES)}",
        )
    weights = Path(folder) / f"{name}.safetensors"
    card = _card_of(weights)
    target = shipped / weights.name
    adopted: dict[str, Any] = {"date": time.strftime("%Y-%m-%d")}
    told = "the first of its name"
    if target.with_suffix(".json").is_file():
        old = read_json(target.with_suffix(".json"))
        if target.is_file() and file_sha256(target) == old.get("sha256") == card["sha256"]:
            return f"{name}: already shipped"
        compared = _judge(name, weights, old, card, reason)
        told = "; ".join(str(comparison) for comparison in compared) or "nothing to compare"
        adopted |= {"instead_of": old.get("sha256"), "compared": [str(c) for c in compared]}
        if reason is not None:
            adopted["forced"] = reason
    # The weights first: a run killed here leaves a card that does not fit them, and is simply repeated.
    with atomic_path(target) as temporary:
        temporary.write_bytes(weights.read_bytes())
    write_json({**card, "adopted": adopted}, target.with_suffix(".json"))
    return f"{name}: adopted ({told})"


def _card_of(weights: Path) -> dict[str, Any]:
    card = read_json(weights.with_suffix(".json"))
    if not weights.is_file():
        raise UserError(
            f"cannot adopt {weights}", cause="there is no such file", remedy="train the network first"
        )
    if card.get("sha256") != file_sha256(weights):
        raise UserError(
            f"cannot adopt {weights}",
            cause="its SHA-256 is not the one on its card: the two files do not belong together",
            remedy="train the network again, or restore both files",
        )
    return card


def _judge(
    name: str, weights: Path, old: Mapping[str, Any], new: Mapping[str, Any], reason: str | None
) -> list[Comparison]:
    compared = compare_cards(old, new, KEY_FIGURES[name])
    worse = [str(comparison) for comparison in compared if comparison.worse]
    if compared and not worse:
        return compared
    problem = f"worse than the network shipped now: {'; '.join(worse)}"
    if not compared:
        names = ", ".join(figure.name for figure in KEY_FIGURES[name])
        problem = f"the two cards share none of the figures that decide: {names}"
    if old.get("renderer") != new.get("renderer"):
        problem += "; the two were judged on portraits of different renderers"
    if reason is None:
        raise UserError(
            f"{weights} is not adopted",
            cause=problem,
            remedy="train it better, or give --force with a reason, which its card will keep",
        )
    get_logger("training").warning("adopted although %s (%s)", problem, reason)
    return compared


def _look_up(card: Mapping[str, Any], name: str) -> float | None:
    found: Any = card.get("held_out", {})
    for key in name.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return None if found is None else float(found)
