"""An annotator that knows the answers, because it was told them."""

from __future__ import annotations

import numpy as np
import torch

from loho_bench.portraits.images import to_uint8


class Oracle:
    """Parser and landmark detector for images that it knows; another image is an error.

    ``images`` uint8 [N, S, S, 3], ``labels`` uint8 [N, S, S], ``landmarks`` float32 [N, 68, 2] or None.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, landmarks: np.ndarray | None = None):
        self.places = {image.tobytes(): i for i, image in enumerate(np.asarray(images))}
        self.labels, self.landmarks = labels, landmarks

    def parse(self, images: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.labels[self._which(images)])

    def detect(self, images: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.landmarks[self._which(images)])

    def _which(self, images: torch.Tensor) -> list[int]:
        return [self.places[image.tobytes()] for image in to_uint8(images)]
