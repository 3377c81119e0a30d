"""Both networks of the embedded MichiGAN, one after the other, and the figures of its card."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from loho_bench.networks.lpips import Lpips
from loho_bench.networks.michigan import MichiganNetworks
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.dataset import PortraitDataset
from loho_bench.training.michigan.figures import painting_figures, transfer_figures
from loho_bench.training.michigan.generator import train_spade_generator
from loho_bench.training.michigan.inpainter import inpainter_figures, train_orientation_inpainter
from loho_bench.training.michigan.pairs import render_pairs

PAIRS, HELD_OUT_PAIRS = 4000, 200
_INPAINTER_STEPS_SHARE = 0.55  # of the generator's steps


def train_michigan(
    dataset: PortraitDataset,
    held_out: PortraitDataset,
    features: Lpips,
    *,
    steps: int,
    seed: int,
    checkpoints: Checkpoints,
    pairs: int = PAIRS,
) -> tuple[nn.ModuleDict, dict[str, Any]]:
    """Train the generator, then the network that completes orientation maps; a killed training goes on.

    Parameters
    ----------
    dataset, held_out : PortraitDataset
        To learn from, and to be judged on.
    features : Lpips
    steps : int
        Of the generator; the other network takes about half as many.
    seed : int
    checkpoints : Checkpoints
        Keeps the state of an unfinished training; the references lie in its folder too.
    pairs : int
        Targets with references to learn from.

    Returns
    -------
    (ModuleDict, dict)
        "generator" and "orientation_inpainter", frozen, in float16; and the held-out figures.
    """
    folder, workers = checkpoints.folder, torch.get_num_threads()
    learned = render_pairs(folder / "michigan-pairs", dataset, pairs, seed, workers)
    judged = render_pairs(folder / "michigan-held-out", held_out, HELD_OUT_PAIRS, seed, workers)
    options = {"seed": seed, "checkpoints": checkpoints}
    generator, seconds = train_spade_generator(dataset, learned, features, steps=steps, **options)
    inpainter, more = train_orientation_inpainter(
        dataset, learned, steps=max(1, round(_INPAINTER_STEPS_SHARE * steps)), **options
    )
    # What is stored is what is judged: weights of half precision, computed with in single.
    networks = nn.ModuleDict({"generator": generator, "orientation_inpainter": inpainter}).half().float()
    figures = {
        **painting_figures(generator, features, held_out, judged),
        **transfer_figures(MichiganNetworks(generator, inpainter), features, held_out, seed=seed),
        **inpainter_figures(inpainter, held_out, judged),
        "seconds": round(seconds + more, 1),
    }
    return networks.half(), figures


def michigan_config(networks: nn.ModuleDict) -> dict[str, Any]:
    """Return the arguments that rebuild both networks."""
    return {name: network.config() for name, network in networks.items()}
