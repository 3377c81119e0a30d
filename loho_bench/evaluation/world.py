"""What every part of the evaluation looks at: fresh portraits, the settings, and how much to look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from loho_bench.provenance import derive_seed
from loho_bench.settings.project import Settings
from loho_bench.training.dataset import PortraitDataset, render_dataset
from loho_bench.training.tuples import ChosenTuple, choose_tuples

FAMILY = "evaluation portrait"
"""Portraits to train on, held-out ones and those of a benchmark run have their seeds from other names."""


@dataclass(frozen=True)
class Effort:
    """How much is looked at. The defaults are those of the published figures.

    Attributes
    ----------
    portraits : int
        Judged by the parser and the landmark network, probed, compared with samples; tuples are drawn
        from them.
    probe_portraits : int
        Others, which the linear probes are fitted on.
    inverted, inversion_steps : int
        Portraits found again in W+ and noise, and iterations for each.
    samples : int
        Of the generator, compared with at most as many portraits.
    classifier_steps : int
        Of the network that tells samples from portraits.
    judgement_batches : int
        Batches of two-alternative judgements.
    tuples_per_category : int
        Transfers for each of Easy, Medium and Difficult.
    """

    portraits: int = 1000
    probe_portraits: int = 4000
    inverted: int = 16
    inversion_steps: int = 400
    samples: int = 1000
    classifier_steps: int = 300
    judgement_batches: int = 20
    tuples_per_category: int = 12


@dataclass(frozen=True)
class World:
    """Portraits of one seed, rendered below ``folder``, and tuples of them; small enough to be sent to other
    processes."""

    folder: Path
    seed: int
    settings: Settings
    effort: Effort
    tuples: tuple[ChosenTuple, ...] = ()

    def portraits(self) -> PortraitDataset:
        """Open the portraits to judge."""
        return first_portraits(PortraitDataset.open(self.folder), self.effort.portraits)

    def probe_portraits(self) -> PortraitDataset:
        """Open the portraits to fit probes on; none of them is judged."""
        return select(PortraitDataset.open(self.folder), slice(self.effort.portraits, None))

    def derive(self, name: str) -> int:
        """Return the seed of the part ``name``, in [0, 2**63)."""
        return derive_seed("evaluation", self.seed, name)


def render_world(folder: Path, seed: int, settings: Settings, effort: Effort, workers: int) -> World:
    """Render the portraits of ``seed`` below ``folder`` with ``workers`` processes, and draw the tuples."""
    count = effort.portraits + effort.probe_portraits
    render_dataset(folder / "portraits", count, seed, workers, family=FAMILY)
    world = World(folder / "portraits", seed, settings, effort)
    tuples = choose_tuples(world.portraits(), settings.tuples, effort.tuples_per_category, seed)
    return replace(world, tuples=tuple(tuples))


def first_portraits(portraits: PortraitDataset, count: int) -> PortraitDataset:
    """Return the first ``count`` portraits, or all where there are fewer."""
    return select(portraits, slice(count))


def select(portraits: PortraitDataset, which: slice | np.ndarray) -> PortraitDataset:
    """Return the portraits at ``which``, in that order; nothing is read for a slice."""
    return PortraitDataset(
        images=portraits.images[which],
        labels=portraits.labels[which],
        landmarks=portraits.landmarks[which],
        latents=portraits.latents[which],
        texture_seeds=portraits.texture_seeds[which],
    )
