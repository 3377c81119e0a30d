"""Image codes: what the latent vectors of the embedded generator mean.

A generator trained by regression needs a latent space in which portraits can be found again. Its W is a
whitened description of the portrait (thumbnail, label map, landmarks, fine attributes), so that every
direction of W means something and neighbours look alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.portraits.synthetic import LABELS
from loho_bench.training.dataset import PortraitDataset

# Classes that a label thumbnail distinguishes: all but the background.
_CLASSES = LABELS[1:]
_COMPONENTS = {"thumbnail": 80, "labels": 64, "landmarks": 16}
# Latents of attributes too fine for a thumbnail: eyes, brows, nose, lips, skin and eye colour; pose and
# light; expression; cut, colour and texture of the hair (the positions are those of `from_latent`).
_DETAIL = (3, 5, 6, 7, 8, 9, 10, 12, 13, 15, 16, 17, 18, 20, 21, *range(22, 39))
CODE_SIZE = sum(_COMPONENTS.values()) + len(_DETAIL)
_SAMPLE = 6000
_CHUNK = 500


@dataclass(frozen=True)
class ImageCode:
    """A fitted code: for each part its mean, principal directions and their standard deviations."""

    parts: dict[str, tuple[Tensor, Tensor, Tensor]]

    @classmethod
    def fit(cls, dataset: PortraitDataset) -> ImageCode:
        """Fit the principal components on the first portraits of ``dataset``."""
        views = _views(dataset, np.arange(min(len(dataset), _SAMPLE)))
        parts = {}
        for name, components in _COMPONENTS.items():
            data = views[name]
            mean = data.mean(0)
            # torch.pca_lowrank draws random directions; a fixed seed makes the code a function of the data.
            with torch.random.fork_rng():
                torch.manual_seed(0)
                _, singular, directions = torch.pca_lowrank(data - mean, q=components + 8, center=False)
            deviation = singular[:components] / len(data) ** 0.5
            parts[name] = (mean, directions[:, :components], deviation)
        return cls(parts)

    def encode(self, dataset: PortraitDataset) -> Tensor:
        """Return the codes [N, D] float32, D = `CODE_SIZE` of all portraits: zero mean, unit variance."""
        chunks = []
        for start in range(0, len(dataset), _CHUNK):
            views = _views(dataset, np.arange(start, min(start + _CHUNK, len(dataset))))
            projected = [
                (views[name] - mean) @ directions / deviation
                for name, (mean, directions, deviation) in self.parts.items()
            ]
            chunks.append(torch.cat([*projected, views["detail"]], dim=1))
        return torch.cat(chunks)


def _views(dataset: PortraitDataset, index: np.ndarray) -> dict[str, Tensor]:
    """Return flat descriptions [N, ...] of the portraits ``index``."""
    thumbnails, labels = [], []
    for start in range(0, len(index), _CHUNK):
        chosen = index[start : start + _CHUNK]
        thumbnails.append(F.avg_pool2d(dataset.batch(chosen), 4).flatten(1))
        maps = torch.from_numpy(dataset.labels[chosen])
        one_hot = torch.stack([(maps == label).float() for label in _CLASSES], dim=1)
        labels.append(F.avg_pool2d(one_hot, 4).flatten(1))
    return {
        "thumbnail": torch.cat(thumbnails),
        "labels": torch.cat(labels),
        "landmarks": torch.from_numpy(dataset.landmarks[index]).flatten(1),
        "detail": torch.from_numpy(dataset.latents[index][:, _DETAIL]).float(),
    }
