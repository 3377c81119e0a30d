"""MichiGAN's generator: first small portraits by regression, then whole ones against a discriminator."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.lpips import Lpips
from loho_bench.networks.michigan import SpadeGenerator
from loho_bench.progress import get_logger, track
from loho_bench.training.augmentation import step_generator
from loho_bench.training.checkpoints import Checkpoints, weights_digest
from loho_bench.training.dataset import SIZE, PortraitDataset, random_batches
from loho_bench.training.loop import Stopwatch
from loho_bench.training.michigan.batches import Batch, draw_batch
from loho_bench.training.michigan.discriminator import Rival
from loho_bench.training.michigan.pairs import ReferencePairs

GENERATOR_CONFIG: dict[str, Any] = {
    "size": SIZE,
    "width": 16,
    "widest": 128,
    "hidden": 16,
    "margin": 0,
    "levels": 5,
    "halvings": 3,
    "normalized_appearance": False,
}
_SMALL, _SMALL_SHARE = 64, 0.55  # pixels; of the steps
_BATCHES = {_SMALL: 12, SIZE: 6}
_LEARNING_RATE, _RIVAL_LEARNING_RATE = 2e-3, 4e-4
_BETAS = (0.5, 0.99)
_RISING_SHARE = 0.03
_AVERAGING = 0.995
_SURROUNDINGS = 0.2  # weight of what lies outside of the hair; the transfer takes it from the identity anyway
_COLOUR, _PERCEPTUAL, _RIVALRY, _MATCHING = 4.0, 1.0, 0.1, 1.0
_REFINED_PERCEPTUAL, _REFINED_RIVALRY, _REFINED_MATCHING = 2.0, 0.4, 2.0
_RIVALRY_RAMP = 0.1  # share of the steps in which the discriminator's word gains weight
_CALIBRATIONS = 24  # batches
_SAVED_EVERY = 50  # steps


@dataclass(frozen=True)
class _Stage:
    """A part of the training: what it is called, how long it is, and what counts in it.

    ``small`` steps see small portraits; after them the discriminator's word gains weight over ``ramp`` steps.
    """

    name: str
    steps: int
    small: int
    ramp: float
    perceptual: float
    rivalry: float
    matching: float
    first_batch: int = 0


def train_spade_generator(
    dataset: PortraitDataset,
    pairs: ReferencePairs,
    features: Lpips,
    *,
    steps: int,
    seed: int,
    checkpoints: Checkpoints,
    refining_steps: int = 350,
    config: dict[str, Any] | None = None,
) -> tuple[SpadeGenerator, float]:
    """Train the generator with its two encoders; a killed run goes on from its last checkpoint.

    A little more than half of the steps sees portraits of 64 pixels, where colour and the fall of the hair
    are learned at a quarter of the cost; the rest sees them whole, with a discriminator that asks for
    strands. Then the network is refined, with more weight on what strands look like.

    Parameters
    ----------
    dataset : PortraitDataset
    pairs : ReferencePairs
        Which of its portraits are targets, and their references.
    features : Lpips
        Of the perceptual term.
    steps, seed
    checkpoints : Checkpoints
        Keeps the state of an unfinished training.
    refining_steps : int
    config : dict, optional
        Arguments of :class:`SpadeGenerator`; :data:`GENERATOR_CONFIG` when left out.

    Returns
    -------
    (SpadeGenerator, float)
        The averaged generator, frozen; and the seconds, those before an interruption included.
    """
    torch.manual_seed(seed)
    config = config or GENERATOR_CONFIG
    generator = SpadeGenerator(**config).to(memory_format=torch.channels_last)
    average = copy.deepcopy(generator).requires_grad_(False)
    parts = {"generator": generator, "average": average, "rival": Rival(_RIVAL_LEARNING_RATE)}
    perceptual = copy.deepcopy(features)
    perceptual.vgg.compute_dtype = torch.bfloat16
    decisive = {
        "seed": seed,
        "steps": steps,
        "pairs": len(pairs),
        "config": config,
        "rates": [_LEARNING_RATE, _RIVAL_LEARNING_RATE, _BETAS, _RISING_SHARE, _AVERAGING],
        "phases": [_SMALL, _SMALL_SHARE, _RIVALRY_RAMP, list(_BATCHES.values())],
        "weights": [_SURROUNDINGS, _COLOUR, _PERCEPTUAL, _RIVALRY, _MATCHING],
        "features": weights_digest(features),
    }

    def draw(size: int, step: int) -> Batch:
        return _draw(dataset, pairs, size, seed, step)

    first = _Stage(
        "michigan", steps, int(_SMALL_SHARE * steps), _RIVALRY_RAMP * steps, _PERCEPTUAL, _RIVALRY, _MATCHING
    )
    second = _Stage(
        "michigan-refined",
        refining_steps,
        0,
        0,
        _REFINED_PERCEPTUAL,
        _REFINED_RIVALRY,
        _REFINED_MATCHING,
        steps,
    )
    seconds = _descend(first, parts, perceptual, draw, checkpoints, decisive)
    seconds += _descend(second, parts, perceptual, draw, checkpoints, {**decisive, "refined": asdict(second)})
    _calibrate(average, lambda k: draw(SIZE, steps + refining_steps + k))
    return average.eval().requires_grad_(False), seconds


def _descend(
    stage: _Stage,
    parts: dict[str, Any],
    perceptual: Lpips,
    draw: Callable[[int, int], Batch],
    checkpoints: Checkpoints,
    decisive: dict[str, Any],
) -> float:
    """Train all ``parts`` in place for one stage; return its seconds."""
    if not stage.steps:
        return 0.0
    log, watch = get_logger("training.michigan"), Stopwatch()
    generator, rival = parts["generator"], parts["rival"]
    optimizer = torch.optim.Adam(generator.parameters(), lr=_LEARNING_RATE, betas=_BETAS)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _LEARNING_RATE, total_steps=stage.steps, pct_start=_RISING_SHARE, cycle_momentum=False
    )
    checkpoint = checkpoints.open(
        stage.name, decisive, **parts, optimizer=optimizer, schedule=schedule, watch=watch
    )
    for step in track(range(checkpoint.restore(), stage.steps), f"training {stage.name}"):
        whole = step >= stage.small
        batch = draw(SIZE if whole else _SMALL, stage.first_batch + step)
        painted = _paint(generator, batch)
        loss = regression_loss(perceptual, painted, batch, stage.perceptual)
        if whole:
            ramp = min(1.0, (step + 1 - stage.small) / max(1.0, stage.ramp))
            rival.update(batch.target, painted, batch.structure)
            fooling, matching = rival.judge(batch.target, painted, batch.structure)
            loss = loss + ramp * (stage.rivalry * fooling + stage.matching * matching)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        done = step + 1
        _follow(parts["average"], generator, min(_AVERAGING, (1 + done) / (10 + done)))
        if done % _SAVED_EVERY == 0 or done == stage.steps:
            log.info("step %d of %d: loss %.4f, %.0f s", done, stage.steps, loss.item(), watch.seconds())
            checkpoint.save(done)
    return watch.seconds()


def regression_loss(features: Lpips, painted: Tensor, batch: Batch, perceptual: float) -> Tensor:
    """L1 of colours at four scales and perceptual distance, of the hair above all.

    Parameters
    ----------
    features : Lpips
    painted : Tensor [N, 3, S, S]
    batch : Batch
    perceptual : float
        Weight of the perceptual distance.
    """
    reach = F.max_pool2d(batch.hair, 5, stride=1, padding=2)
    weight = _SURROUNDINGS + (1 - _SURROUNDINGS) * reach
    difference = weight * (painted - batch.target)
    colours = sum(F.avg_pool2d(difference, scale).abs().mean() for scale in (1, 2, 4, 8)) / weight.mean()
    with torch.no_grad():
        wanted = features.features(batch.target)
    distance = features.distance(features.features(painted), wanted, weight).mean()
    return _COLOUR * colours + perceptual * distance


def _draw(dataset: PortraitDataset, pairs: ReferencePairs, size: int, seed: int, step: int) -> Batch:
    count = min(_BATCHES[size], len(pairs))
    index = next(random_batches(len(pairs), count, step + 1, seed, start=step))
    return draw_batch(dataset, pairs, index, size, step_generator(seed, step))


def _paint(generator: SpadeGenerator, batch: Batch) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        painted = generator(**batch.inputs())
    return painted.float().contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    learned = dict(network.named_parameters())
    names = [name for name, _ in average.named_parameters()]
    torch._foreach_lerp_(
        [average.get_parameter(name) for name in names], [learned[name].detach() for name in names], 1 - decay
    )


@torch.no_grad()
def _calibrate(network: nn.Module, draw: Callable[[int], Batch]) -> None:
    """Take the statistics of the batch normalizations anew: averaged weights have their own.

    The vectors of the spectral normalizations come closer to the weights' with every batch, too.
    """
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a plain mean over the batches
    for number in range(_CALIBRATIONS):
        network(**draw(number).inputs())
