"""One recipe for each embedded network: data, steps and seed, and the card that says how it came out."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from loho_bench.errors import UserError, suggest
from loho_bench.networks.lpips import Lpips
from loho_bench.portraits.synthetic.version import renderer_hash
from loho_bench.provenance import versions
from loho_bench.storage import exclusive_lock
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import PortraitDataset, render_dataset
from loho_bench.training.features.extractor import train_extractor
from loho_bench.training.features.train import WIDTHS, train_features
from loho_bench.training.generator.train import CONFIG, train_generator
from loho_bench.training.inpainter import train_inpainter
from loho_bench.training.inversion import inversion_quality
from loho_bench.training.landmarks import train_landmarks
from loho_bench.training.michigan.train import michigan_config, train_michigan
from loho_bench.training.parser import train_parser
from loho_bench.weights.embedded import build_features
from loho_bench.weights.files import read_network, save_network
from loho_bench.weights.reading.checkpoints import load_strictly

TRAINING_PORTRAITS = 10_000
HELD_OUT_PORTRAITS = 400
_DATA_SEED = 1
_HELD_OUT_SEED = 2
# With a GPU the generator learns longer, and from a discriminator at the end.
_LONGER_ON_GPU = 4
_ADVERSARIAL_STEPS = 20_000


@dataclass(frozen=True)
class Recipe:
    """How a network is made.

    Attributes
    ----------
    name : str
    steps : int
        Optimiser steps.
    train : callable
        ``(dataset, held_out, steps=, seed=, checkpoints=) -> (network, held-out figures)``.
    config : callable
        Gives the arguments that rebuild the network.
    """

    name: str
    steps: int
    train: Callable[..., tuple[nn.Module, dict[str, Any]]]
    config: Callable[[nn.Module], dict[str, Any]]


def _generator(
    dataset: PortraitDataset, held_out: PortraitDataset, *, steps: int, seed: int, checkpoints: Checkpoints
) -> tuple[nn.Module, dict[str, Any]]:
    features = load_trained_features(checkpoints.folder)
    generator, figures = train_generator(
        dataset,
        held_out,
        features,
        steps=_LONGER_ON_GPU * steps if torch.cuda.is_available() else steps,
        seed=seed,
        checkpoints=checkpoints,
        adversarial_steps=_ADVERSARIAL_STEPS if torch.cuda.is_available() else 0,
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
    )
    return generator, {**figures, **inversion_quality(generator, features, held_out, seed=seed)}


def _michigan(
    dataset: PortraitDataset, held_out: PortraitDataset, *, steps: int, seed: int, checkpoints: Checkpoints
) -> tuple[nn.Module, dict[str, Any]]:
    features = load_trained_features(checkpoints.folder)
    return train_michigan(dataset, held_out, features, steps=steps, seed=seed, checkpoints=checkpoints)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("features", 6000, train_features, lambda network: {"widths": list(WIDTHS)}),
        Recipe("generator", 7500, _generator, lambda network: CONFIG),
        Recipe("parser", 3000, train_parser, lambda network: network.config()),
        Recipe("landmarks", 1000, train_landmarks, lambda network: network.config()),
        Recipe("extractor", 1800, train_extractor, lambda network: network.config()),
        Recipe("michigan", 1000, _michigan, michigan_config),
        Recipe("inpainter", 4000, train_inpainter, lambda network: network.config()),
    )
}


def get_recipe(name: str) -> Recipe:
    """Look a recipe up; UserError with the nearest name when there is none."""
    if name not in RECIPES:
        raise UserError(
            f"unknown network '{name}'.{suggest(name, RECIPES)}",
            remedy=f"choose one of: {', '.join(RECIPES)}",
        )
    return RECIPES[name]


def open_training(folder: str | Path, workers: int) -> PortraitDataset:
    """Return the portraits that networks learn from, rendering them if they are not there."""
    return _open(folder, "portraits", TRAINING_PORTRAITS, _DATA_SEED, workers)


def open_held_out(folder: str | Path, workers: int) -> PortraitDataset:
    """Return portraits that no network has learned from, rendering them if they are not there."""
    return _open(folder, "held-out", HELD_OUT_PORTRAITS, _HELD_OUT_SEED, workers)


def _open(folder: str | Path, name: str, count: int, seed: int, workers: int) -> PortraitDataset:
    folder = Path(folder)
    with exclusive_lock(folder / f".{name}.lock"):
        return render_dataset(folder / name, count, seed, workers)


def make_network(name: str, folder: str | Path, *, seed: int, workers: int, steps: int | None = None) -> None:
    """Train a network and write ``folder/NAME.safetensors`` with its card.

    Parameters
    ----------
    name : str
        One of :data:`RECIPES`; generator and michigan need the features in the same folder.
    folder : str or Path
        Holds the rendered portraits, the checkpoint of an unfinished training and the results.
    seed, workers : int
    steps : int, optional
        Other than the recipe's, for a trial.
    """
    recipe, folder = get_recipe(name), Path(folder)
    steps = steps or recipe.steps
    trial = "" if steps == recipe.steps else f" --steps {steps}"
    dataset, held_out = open_training(folder, workers), open_held_out(folder, workers)
    with exclusive_lock(folder / f".{name}.lock"):
        _make(recipe, folder, dataset, held_out, steps=steps, seed=seed, trial=trial)


def _make(
    recipe: Recipe,
    folder: Path,
    dataset: PortraitDataset,
    held_out: PortraitDataset,
    *,
    steps: int,
    seed: int,
    trial: str,
) -> None:
    started, checkpoints = time.time(), Checkpoints(folder)
    network, figures = recipe.train(dataset, held_out, steps=steps, seed=seed, checkpoints=checkpoints)
    card = {
        "name": recipe.name,
        "command": f"loho-bench train {recipe.name} --seed {seed}{trial}",
        "data": f"{len(dataset)} synthetic portraits of 128 px (seed {_DATA_SEED}), "
        f"held out {len(held_out)} (seed {_HELD_OUT_SEED})",
        "renderer": renderer_hash(),
        "seed": seed,
        "steps": steps,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "seconds_of_last_run": round(time.time() - started),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} thread(s)",
        "date": time.strftime("%Y-%m-%d"),
        "versions": versions(),
        "held_out": figures,
    }
    save_network(folder / f"{recipe.name}.safetensors", network.state_dict(), recipe.config(network), card)
    checkpoints.remove()


def load_trained_features(folder: Path) -> Lpips:
    """Return the feature network that lies in ``folder``, frozen."""
    path = folder / "features.safetensors"
    tensors, config = read_network(path)
    features = build_features(config)
    load_strictly(features, tensors, path)
    return features.eval().requires_grad_(False)
