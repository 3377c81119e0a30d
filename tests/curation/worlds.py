"""Small made-up sets of annotated portraits for the tests of curation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from loho_bench.annotation.record import COLUMNS, Annotation

SIZE = 64


def annotations(count: int, seed: int = 0, spread: float = 1.0) -> list[Annotation]:
    """Portraits of one elliptic face whose place, size and pose vary; about a quarter has little hair."""
    generator = np.random.default_rng(seed)
    down, across = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    base = generator.uniform(0.3, 0.7, (68, 2))
    found = []
    for index in range(count):
        x, y = 0.5 + spread * generator.normal(0, 0.02, 2)
        width, height = np.array([0.22, 0.3]) * (1 + spread * generator.normal(0, 0.05, 2))
        face = ((across - x) / width) ** 2 + ((down - y) / height) ** 2 < 1
        hair = (down < generator.uniform(0.1, 0.45)) & ~face
        points = base + [x - 0.5, y - 0.5] + spread * generator.normal(0, 0.008, (68, 2))
        found.append(Annotation(f"p{index:03d}", hair, face, points.astype(np.float32)))
    generator.shuffle(found)
    return found


def table(found: list[Annotation]) -> pd.DataFrame:
    """Return the annotations as the stage writes them."""
    return pd.DataFrame([annotation.to_row() for annotation in found], columns=list(COLUMNS))
