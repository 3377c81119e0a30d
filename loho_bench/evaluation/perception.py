"""What the feature network knows: linear probes, and judgements of which change is the larger one."""

from __future__ import annotations

from loho_bench.networks.lpips import Lpips
from loho_bench.training.dataset import PortraitDataset
from loho_bench.training.features.judgements import judgement_accuracy
from loho_bench.training.features.probes import probe_r2


def measure_probes(
    features: Lpips, fit: PortraitDataset, judge: PortraitDataset
) -> dict[str, dict[str, float]]:
    """Return ``probe_r2``: by attribute, the R² among ``judge`` of probes fitted on ``fit``."""
    return {"probe_r2": {name: float(value) for name, value in probe_r2(features, fit, judge).items()}}


def measure_judgements(
    features: Lpips, portraits: PortraitDataset, *, batches: int, seed: int
) -> dict[str, float]:
    """Return ``judgement_accuracy``: the share of two-alternative judgements that come out right."""
    return {"judgement_accuracy": float(judgement_accuracy(features, portraits, seed=seed, batches=batches))}
