"""Features of one set of images, kept together with how they were made."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from loho_bench.errors import UserError
from loho_bench.metrics.frechet import Gaussian
from loho_bench.metrics.kid import KernelSample
from loho_bench.storage import atomic_path

Mode = Literal["clean", "legacy_pytorch", "legacy_tensorflow"]
Reading = Literal["full", "hair+face"]


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Features of one set of images and how they were made, so that unlike sets are never compared.

    Attributes
    ----------
    features : float32 [N, D]
        Rows in the order of the images.
    extractor, resolution : str
        Name of the extractor; size of the images before resizing, as ``"128"``, ``"128x96"`` or ``"mixed"``.
    reading : "full" or "hair+face"
    protocol : str
        How images were resized: a mode of clean-fid.
    """

    features: np.ndarray
    extractor: str
    resolution: str
    reading: Reading
    protocol: Mode = "clean"

    @cached_property
    def gaussian(self) -> Gaussian:
        """The set as FID sees it; at least two images."""
        return Gaussian.from_features(self.features)

    @cached_property
    def kernel(self) -> KernelSample:
        """The set as KID sees it."""
        return KernelSample.from_features(self.features)

    def subset(self, rows: Sequence[int] | np.ndarray) -> FeatureSet:
        """Return the set of these rows (indices, or booleans for all), e.g. the tuples of one category."""
        return replace(self, features=self.features[np.asarray(rows)])

    def save(self, path: str | Path) -> None:
        """Write to ``path`` (.npz), atomically."""
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: str | Path) -> FeatureSet:
        """Read what :meth:`save` wrote.

        Raises
        ------
        UserError
            The file is missing or is no such file.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                texts = {
                    name: str(stored[name]) for name in ("extractor", "resolution", "reading", "protocol")
                }
                return cls(features=stored["features"], **texts)
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(
                f"The features in {path} cannot be read.",
                cause=str(error),
                remedy="delete the file and score again",
            ) from error
