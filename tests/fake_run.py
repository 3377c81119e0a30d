"""A finished run made up in a second: drawn portraits, results that err by a known amount, made-up traces."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageFilter

from loho_bench.annotation.masks import pack_bits
from loho_bench.curation.criteria import CATEGORIES
from loho_bench.curation.tuples import EDITS, kind_of
from loho_bench.methods.inputs import ROLES
from loho_bench.portraits.synthetic import PortraitParameters, combine, render, sample_parameters
from loho_bench.settings.loading import validate_settings
from loho_bench.settings.project import Settings
from loho_bench.storage import file_sha256, write_png, write_table

STEPS = 40


@dataclass(frozen=True)
class Fake:
    """A made-up method: how blurred its results are, its hair IoU before blending, and what it was asked."""

    name: str
    blur: float
    hair_iou: float | None = None
    kinds: tuple[str, ...] = ("tuples",)


FAKES = (
    Fake("loho", 1, 0.82, ("tuples", "reconstruction", "editing")),
    Fake("loho-no-go", 2, 0.55),
    Fake("loho-unprojected", 3, 0.84),
    Fake("loho-one-stage", 4, 0.5),
    Fake("michigan", 5),
    Fake("i2s-plus-plus", 3, kinds=("tuples", "reconstruction")),
    Fake("i2s", 2, kinds=("reconstruction",)),
    Fake("paste", 8),
    Fake("true-answer", 0),
)
METHODS = ("loho", "loho-no-go", "loho-unprojected")
"""The ablation."""
FAILING = "loho-no-go"
REPORTED = (*METHODS, "paste", "true-answer")
"""The default report."""
IN_PAPER = tuple(fake.name for fake in FAKES if "tuples" in fake.kinds)
"""The paper's report."""


def fake_settings(size: int = 64, per_category: int = 3, **reports: object) -> Settings:
    """Settings that fit :func:`build_fake_run`."""
    return validate_settings(
        {
            "portraits": {"count": 12, "size": size},
            "tuples": {"per_category": per_category, "reconstructions": 3, "edits": 2},
            "transfer": {"resolution": size},
            "reports": {
                "methods": REPORTED,
                "paper": IN_PAPER,
                "ablation": METHODS,
                "bootstrap": 200,
                **reports,
            },
        }
    )


def build_fake_run(root: Path, size: int = 64, per_category: int = 3, failed: tuple[str, ...] = ()) -> None:
    """Write every file that scoring and reports read; ``failed`` tuples of :data:`FAILING` have no result."""
    portraits = _write_portraits(root, size)
    tuples = _write_tuples(root, portraits, per_category).to_dict("records")
    answers = {
        row["tuple_id"]: render(combine(**{role: portraits[row[role]] for role in ROLES}), size).image
        for row in tuples
    }
    for number, fake in enumerate(FAKES):
        rng = np.random.default_rng(number)
        for kind in fake.kinds:
            rows = [
                _write_result(
                    root,
                    fake,
                    row,
                    answers[row["tuple_id"]],
                    rng,
                    lost=fake.name == FAILING and row["tuple_id"] in failed,
                )
                for row in tuples
                if kind_of(row["category"]) == kind
            ]
            write_table(pd.DataFrame(rows), root / "results" / fake.name / f"{kind}-0000.parquet")


def _write_portraits(root: Path, size: int) -> dict[str, PortraitParameters]:
    table, annotations, portraits = [], [], {}
    for seed in range(12):
        name = f"p{seed:02d}"
        parameters = sample_parameters(seed)
        drawn = render(parameters, size)
        path = root / "portraits" / "images" / f"{name}.png"
        write_png(drawn.image, path)
        portraits[name] = parameters
        table.append(
            {
                "portrait_id": name,
                "path": f"portraits/images/{name}.png",
                "sha256": file_sha256(path),
                "width": size,
                "height": size,
                "status": "ok",
                "reason": "",
                "parameters": json.dumps(parameters.to_dict()),
            }
        )
        bad = seed == 11
        annotations.append(
            {
                "portrait_id": name,
                "mask_size": size,
                "hair_mask": pack_bits(drawn.hair),
                "face_mask": pack_bits(drawn.face),
                "hair_fraction": float(drawn.hair.mean()),
                "face_fraction": float(drawn.face.mean()),
                "landmarks": drawn.landmarks.ravel(),
                "status": "rejected" if bad else "ok",
                "reason": "no hair was found" if bad else "",
            }
        )
    write_table(pd.DataFrame(table), root / "portraits" / "portraits.parquet")
    write_table(pd.DataFrame(annotations[:6]), root / "annotations" / "shard-0000.parquet")
    write_table(pd.DataFrame(annotations[6:]), root / "annotations" / "shard-0001.parquet")
    return portraits


def _write_tuples(root: Path, portraits: dict, per_category: int) -> pd.DataFrame:
    rng, names = np.random.default_rng(0), sorted(portraits)[:11]
    rows, census = [], []
    for category in CATEGORIES:
        for number in range(1, per_category + 1):
            trio = [str(name) for name in rng.choice(names, 3, replace=False)]
            rows.append(_tuple_row(f"{category.name}-{number:04d}", category.name, trio))
        census.append(
            {
                "category": category.name,
                "eligible_pairs": 1234,
                "iou_low": category.iou_low,
                "iou_high": category.iou_high,
                "pose_low": category.pose_low,
                "pose_high": category.pose_high,
                "drawn": per_category,
            }
        )
    again = [_tuple_row(f"reconstruction-{i:04d}", "reconstruction", [names[i]] * 3) for i in (1, 2, 3)]
    edits = [
        _tuple_row(
            f"{edit.category}-{number:04d}",
            edit.category,
            [row["identity"], row[edit.structure], row[edit.appearance]],
        )
        for edit in EDITS
        for number, row in enumerate(rows[:2], start=1)
    ]
    write_table(pd.DataFrame(rows), root / "tuples" / "tuples.csv")
    write_table(pd.DataFrame(again), root / "tuples" / "reconstruction.csv")
    write_table(pd.DataFrame(edits), root / "tuples" / "editing.csv")
    write_table(pd.DataFrame(census), root / "tuples" / "census.csv")
    return pd.DataFrame(rows + again + edits)


def _tuple_row(tuple_id: str, category: str, trio: list[str]) -> dict:
    words = dict(zip(("identity", "structure", "appearance"), trio, strict=True))
    fractions = {f"{word}_hair_fraction": 0.3 for word in words}
    return {
        "tuple_id": tuple_id,
        **words,
        "category": category,
        "face_iou": 0.9,
        "pose_distance": 1.0,
        **fractions,
    }


def _write_result(
    root: Path, fake: Fake, row: dict, answer: np.ndarray, rng: np.random.Generator, lost: bool
) -> dict:
    tuple_id, method, folder = row["tuple_id"], fake.name, root / "results" / fake.name
    latents, traced = method.startswith(("loho", "i2s")) and not lost, fake.hair_iou and not lost
    result = {
        "tuple_id": tuple_id,
        "method": method,
        **{role: row[role] for role in ROLES},
        "category": row["category"],
        "status": "failed" if lost else "ok",
        "reason": "the loss became NaN" if lost else "",
        "portrait": None if lost else f"results/{method}/portraits/{tuple_id}.png",
        "seconds": float("nan") if lost else 5.0 + rng.random(),
        "peak_memory_mb": float("nan") if lost else 900.0,
        "seed": 1,
        "precision": "float32",
        "resolution": len(answer),
        "settings_hash": f"settings{[f.name for f in FAKES].index(method)}",
        "weights_hash": "weights",
        "device": "cpu, 2 cores",
        "latents": None if not latents else f"results/{method}/latents/{tuple_id}.npz",
        "trace": None if not traced else f"results/{method}/traces/{tuple_id}.parquet",
        "hair_iou": float(np.clip(fake.hair_iou + 0.06 * rng.normal(), 0, 1)) if traced else float("nan"),
        "versions": json.dumps({"torch": "2.13.0", "loho_bench": "0.1.0"}),
    }
    if not lost:
        image = Image.fromarray(answer).filter(ImageFilter.GaussianBlur(fake.blur))
        write_png(np.asarray(image), root / result["portrait"])
    if latents:
        (folder / "latents").mkdir(exist_ok=True)
        found = np.full((12, 8), 3.0 + rng.random(), np.float32)
        np.savez(root / result["latents"], latents=found, mean=np.zeros(8, np.float32))
    if traced:
        _write_trace(folder / "traces" / f"{tuple_id}.parquet", method, rng)
    return result


def _write_trace(path: Path, method: str, rng: np.random.Generator) -> None:
    steps = np.arange(2 * STEPS)
    level = 0.3 * np.exp(-steps / 15) + 0.1
    if method == "loho-no-go":
        level = level + 0.002 * np.maximum(0, steps - STEPS)
    dot = np.where(steps >= STEPS, 2e-5 * np.exp(-(steps - STEPS) / 20), np.nan)
    write_table(
        pd.DataFrame(
            {
                "step": steps,
                "appearance": np.where(steps < STEPS, np.nan, 1.0),
                "structure": level * rng.uniform(0.8, 1.2),
                "hair_iou": np.where(steps % 10 == 0, 1 - level * rng.uniform(0.8, 1.2), np.nan),
                "gradient_dot": np.nan if method == "loho-no-go" else dot * rng.uniform(0.5, 1.5),
            }
        ),
        path,
    )


class ColourParser:
    """Stands in for a parser: the upper half of every picture is hair."""

    def parse(self, images: torch.Tensor) -> torch.Tensor:
        labels = torch.zeros(images.shape[0], *images.shape[2:], dtype=torch.uint8)
        labels[:, : images.shape[2] // 2] = 2
        return labels


class SquareLpips:
    """Stands in for LPIPS: half the mean squared difference, so that tests can say what to expect."""

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return images

    def distance(self, first: torch.Tensor, second: torch.Tensor, mask: object = None) -> torch.Tensor:
        return (first - second).square().flatten(1).mean(1) / 2


class MeanExtractor:
    """Stands in for a feature network: the mean colour of each quarter of the frame, 12 features."""

    name = "quarter-means"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(images, 2).flatten(1) / 255
