"""The path of LOHO's optimisation beside the authors': same random numbers, same masks, all steps in a row.

Adam divides gradients by their own size, so in its first steps a component near 0 moves as far as any other,
to the side that rounding chooses. A path cannot agree as closely as its single steps; the tolerances say how
far rounding carried two float32 runs of one computation apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from loho_bench.methods.loho.objective import Objective
from loho_bench.methods.loho.optimize import Problem, optimize
from loho_bench.methods.loho.schedule import latent_noise_factor
from loho_bench.methods.optimization.adam import Adam
from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.noise import levels
from loho_bench.settings.loho import LohoSettings

LATENTS = 1e-2
"""W+, relative in norm."""
NOISE_MAPS = 1e-3
"""Noise maps, relative in norm."""
LOSSES = 1e-2
"""Losses along the path, relative."""
_TRACES = {
    "face": ("facerec_loss", "face"),
    "structure": ("hairrec_loss", "structure"),
    "appearance": ("hairappearance_3g_loss", "appearance"),
    "style": ("hairstyle_3g_loss", "style"),
    "noise": ("n_loss", "noise"),
}


def compare_path(
    check: Checks,
    objective: Objective,
    synthesize: Callable[[Tensor, Sequence[Tensor]], Tensor],
    stored: dict[str, Tensor],
    settings: LohoSettings,
) -> Iterator[Comparison]:
    """Run the whole optimisation and compare what every step saw and left behind, and the result."""
    deviation = stored["latent_std"].item()
    maps = levels(stored, "s0.noise_before")
    watched = _Watched(synthesize, stored)
    problem = Problem(
        objective=objective,
        synthesize=watched.synthesize,
        hair_mask=watched.hair_mask,
        latent_mean=stored["latent_mean"],
        latent_deviation=deviation,
        num_latents=stored["final.latent"].shape[1],
        noise_shapes=[level.shape[-1] for level in maps],
        seeds=(0,),
        draws=_RecordedDraws(stored, settings.steps),
    )
    with watched.optimizer_steps():
        solution = optimize(problem, settings)
    for step in range(settings.steps):
        yield from watched.compare_step(check, step, settings, deviation)
    yield check.norm("path, result: W+", solution.latents, stored["final.latent"], LATENTS)
    yield _maps(check, "path, result", solution.noise, levels(stored, "final.noise"))
    for name, (key, weight) in _TRACES.items():
        found = getattr(settings.weights, weight) * solution.traces[name][:, 0]
        known = ~found.isnan()
        wanted = torch.stack([stored[f"s{step}.{key}"] for step in range(settings.steps)])
        yield check.relative(
            f"path: {name} loss in {int(known.sum())} steps", found[known], wanted[known], LOSSES
        )


class _RecordedDraws:
    """The random numbers of the reference, found in what it stored: noise maps, then shifts of W+."""

    def __init__(self, stored: dict[str, Tensor], steps: int) -> None:
        numbers = levels(stored, "s0.noise_before")
        for step in range(steps):
            strength = stored[f"s{step}.noise_strength"].item()
            if strength > 0:
                shift = stored[f"s{step}.latent_noised"] - stored[f"s{step}.latent_before"]
                numbers.append(shift / strength)
        self._numbers = iter(numbers)

    def normal(self, *shape: int) -> Tensor:
        """Return the next ones, ``[1, *shape]``."""
        return next(self._numbers).clone()


class _Watched:
    """What each step gave to the generator, and what Adam made of it; masks are the reference's."""

    def __init__(
        self, synthesize: Callable[[Tensor, Sequence[Tensor]], Tensor], stored: dict[str, Tensor]
    ) -> None:
        self._synthesize, self._stored = synthesize, stored
        self.before: list[list[Tensor]] = []
        self.after: list[list[Tensor]] = []
        self.rates: list[float] = []

    def synthesize(self, latents: Tensor, noise: Sequence[Tensor]) -> Tensor:
        self.before.append([value.detach().clone() for value in (latents, *noise)])
        return self._synthesize(latents, noise)

    def hair_mask(self, image: Tensor) -> Tensor:
        return self._stored[f"s{len(self.before) - 1}.HM_G"].float()

    @contextmanager
    def optimizer_steps(self) -> Iterator[None]:
        """Keep learning rate and variables after every step of the optimizer, before normalisation."""

        step = Adam.step

        def keep(adam: Adam, gradients: Sequence[Tensor], rate: float) -> None:
            step(adam, gradients, rate)
            self.rates.append(rate)
            self.after.append([value.clone() for value in adam.variables])

        Adam.step = keep
        try:
            yield
        finally:
            Adam.step = step

    def compare_step(
        self, check: Checks, step: int, settings: LohoSettings, deviation: float
    ) -> Iterator[Comparison]:
        """Compare one step of the path."""
        prefix, title = f"s{step}.", f"path, step {step}"
        yield check.relative(f"{title}: learning rate", self.rates[step], self._stored[f"{prefix}lr"], 1e-12)
        factor = latent_noise_factor(step / settings.steps, settings.latent_noise, settings.latent_noise_ramp)
        wanted = self._stored[f"{prefix}noise_strength"]
        yield check.relative(f"{title}: noise on W+", factor * deviation, wanted, 1e-6)
        latents, *noise = self.before[step]
        yield check.norm(f"{title}: W+ given", latents, self._stored[f"{prefix}latent_noised"], LATENTS)
        yield _maps(check, f"{title}, given", noise, levels(self._stored, f"{prefix}noise_before"))
        latents, *noise = self.after[step]
        yield check.norm(f"{title}: W+ after", latents, self._stored[f"{prefix}latent_after"], LATENTS)
        yield check.worst(
            f"{title}: norms of noise maps after",
            (
                check.relative(f"map {i}", found.norm(), wanted, NOISE_MAPS)
                for i, (found, wanted) in enumerate(
                    zip(noise, levels(self._stored, f"{prefix}noise_stepped_norm"), strict=True)
                )
            ),
        )


def _maps(check: Checks, title: str, found: list[Tensor], wanted: list[Tensor]) -> Comparison:
    return check.worst(
        f"{title}: {len(wanted)} noise maps",
        (check.norm(f"map {i}", *pair, NOISE_MAPS) for i, pair in enumerate(zip(found, wanted, strict=True))),
    )
