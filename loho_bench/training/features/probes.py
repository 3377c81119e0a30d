"""How much of a portrait features spell out: linear probes, judged on portraits they were not fitted on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from scipy import linalg

from loho_bench.networks.lpips import BLOCK_LAYERS, Lpips, scale_input
from loho_bench.training.dataset import PortraitDataset
from loho_bench.training.features.attributes import visible_attributes
from loho_bench.training.features.tasks import pool

_AT_ONCE, _ENOUGH = 50, 2000
_FITTED_SHARE = 0.75
# Of the standardised features' Gram matrix, whose diagonal is near 1.
_PENALTIES = np.geomspace(1e-3, 100, 11)


def probe_r2(features: Lpips, fit: PortraitDataset, judge: PortraitDataset) -> dict[str, float]:
    """Fit a ridge regression from pooled features to each attribute, and judge it on other portraits.

    The penalty is the one, for each attribute, with which three quarters of ``fit`` predict the last quarter
    best; the probe is then fitted to all of ``fit``. Attributes are taken as
    :func:`loho_bench.training.features.attributes.visible_attributes` measures them.

    Parameters
    ----------
    features : Lpips
        Only its VGG-shaped network is asked.
    fit : PortraitDataset
        Some thousands of portraits.
    judge : PortraitDataset
        None of them in ``fit``.

    Returns
    -------
    dict
        Attribute to R2, the share of the variance among ``judge`` that is predicted: 1 at best, 0 for the
        mean of ``judge``, negative below that. Of an attribute of several numbers, their mean.
    """
    known, asked = (pooled_features(features, dataset) for dataset in (fit, judge))
    return linear_r2(known, visible_attributes(fit), asked, visible_attributes(judge))


def some_portraits(dataset: PortraitDataset) -> PortraitDataset:
    """Return the first 2000 portraits: enough to fit probes on."""
    return PortraitDataset(**{name: values[:_ENOUGH] for name, values in vars(dataset).items()})


def linear_r2(
    known: np.ndarray,
    targets: Mapping[str, np.ndarray],
    asked: np.ndarray,
    answers: Mapping[str, np.ndarray],
) -> dict[str, float]:
    """Fit ``targets`` [N, k] by name to features ``known`` [N, D]; judge on ``asked`` [M, D], ``answers``."""
    probe = RidgeProbe(known.astype(np.float64))
    return {name: r2(probe.predict(target, asked), answers[name]) for name, target in targets.items()}


def r2(predicted: np.ndarray, answers: np.ndarray) -> float:
    """Return the explained share of the variance, averaged over columns; both arrays are [n, k]."""
    missed = np.square(predicted - answers).mean(axis=0)
    return float((1 - missed / np.maximum(answers.var(axis=0), 1e-12)).mean())


class RidgeProbe:
    """Ridge regression from features to anything, the penalty chosen on the last quarter of the rows.

    Parameters
    ----------
    features : float64 [N, D]
        At least 8 rows, in no particular order.
    """

    def __init__(self, features: np.ndarray):
        self._features = features
        self._part = round(_FITTED_SHARE * len(features))
        self._trial, self._final = _Ridge(features[: self._part]), _Ridge(features)

    def predict(self, targets: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Return what is predicted [M, k] for features ``asked`` [M, D] after fitting ``targets`` [N, k]."""
        rest = targets[self._part :]
        trials = [
            r2(self._trial.predict(targets[: self._part], self._features[self._part :], penalty), rest)
            for penalty in _PENALTIES
        ]
        return self._final.predict(targets, asked, _PENALTIES[int(np.argmax(trials))])


class _Ridge:
    """Ridge regression in its dual form: as many unknowns as portraits, however many features there are."""

    def __init__(self, features: np.ndarray):
        self._mean, scale = features.mean(axis=0), features.std(axis=0)
        # A channel that never moves says nothing; and one that hardly does is not blown up.
        self._scale = np.maximum(scale, 1e-3 * scale.max()) * np.sqrt(features.shape[1])
        self._features = (features - self._mean) / self._scale
        self._values, self._vectors = linalg.eigh(self._features @ self._features.T)

    def predict(self, targets: np.ndarray, asked: np.ndarray, penalty: float) -> np.ndarray:
        mean = targets.mean(axis=0)
        shrunk = (self._vectors.T @ (targets - mean)) / (self._values + penalty)[:, None]
        weights = self._features.T @ (self._vectors @ shrunk)
        return (asked - self._mean) / self._scale @ weights + mean


@torch.no_grad()
def pooled_features(features: Lpips, dataset: PortraitDataset) -> np.ndarray:
    """Pool the last activations of the five blocks, for images scaled as LPIPS does.

    Returns
    -------
    float32 array [N, D]
        As :func:`loho_bench.training.features.tasks.pool` describes.
    """
    rows = []
    for start in range(0, len(dataset), _AT_ONCE):
        images = dataset.batch(np.arange(start, min(start + _AT_ONCE, len(dataset))))
        rows.append(pool(list(features.vgg(scale_input(images), BLOCK_LAYERS).values())))
    return torch.cat(rows).numpy()
