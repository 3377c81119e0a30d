"""The generator's rival: a discriminator, its own optimizer, and when its word counts.

Thrown in at once, an untrained discriminator ruins a generator that regression has made good. Hence it is
trained alone first, kept smooth by the R1 penalty, and then gains weight slowly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.provenance import derive_seed

_PENALISED_EVERY = 16  # updates
_SECOND_MOMENT = 0.99


def penalty_factor(size: int, batch: int) -> float:
    """R1's gamma for images of `size` pixels: 0.0002 size**2 / batch.

    The rule of Karras et al., "Training Generative Adversarial Networks with Limited Data" (their automatic
    configuration).
    """
    return 2e-4 * size**2 / batch


@dataclass(frozen=True)
class Rivalry:
    """What decides how a generator and its discriminator compete.

    Attributes
    ----------
    pretraining : int
        First steps of the adversarial phase, in which the discriminator learns alone.
    ramp : int
        Steps after them in which the adversarial term's weight grows linearly.
    weight : float
        The weight that it ends with, beside a reconstruction term that keeps its own.
    gamma : float
        Factor of the R1 penalty, see :func:`penalty_factor`.
    learning_rate : float
        Of the discriminator.
    """

    pretraining: int
    ramp: int
    weight: float
    gamma: float
    learning_rate: float = 2.5e-3


class Adversary:
    """A discriminator that is trained against a generator.

    All draws come from `seed` and the number of updates done, which the state dict holds: an interrupted
    training goes on as if it had not been.

    Parameters
    ----------
    discriminator : Module
        Maps images [N, 3, S, S] in [-1, 1] to logits [N, 1] of being real; takes a `dtype` to compute in.
    rivalry : Rivalry
    seed : int
    """

    def __init__(self, discriminator: nn.Module, rivalry: Rivalry, *, seed: int) -> None:
        self.discriminator = discriminator
        self.rivalry = rivalry
        self.seed = seed
        self.updates = 0
        # One optimizer serves two kinds of steps, 16 and 1 of 17; the exponents keep its memory as long as
        # without the second kind (lazy regularisation, StyleGAN2's appendix B).
        share = _PENALISED_EVERY / (_PENALISED_EVERY + 1)
        self.optimizer = torch.optim.Adam(
            discriminator.parameters(),
            lr=rivalry.learning_rate * share,
            betas=(0.0, _SECOND_MOMENT**share),
            eps=1e-8,
        )
        discriminator.requires_grad_(False)

    def weight(self, step: int) -> float:
        """Weight of `generator_loss` in a step of the adversarial phase, counted from 0.

        It is 0 exactly while the discriminator is to be trained alone.
        """
        risen = (step + 1 - self.rivalry.pretraining) / max(1, self.rivalry.ramp)
        return self.rivalry.weight * min(1.0, max(0.0, risen))

    def update(self, real: Tensor, fake: Tensor) -> float:
        """Train the discriminator for one step, and every 16th time for a step on the penalty as well.

        Parameters
        ----------
        real, fake : Tensor [N, 3, S, S] in [-1, 1]
            No gradient goes into them.

        Returns
        -------
        float
            The logistic loss before the step: 2 log 2 = 1.386 at chance, 0 when all is told apart.
        """
        draw = self._draw("discriminator update")
        real, fake = jitter(real.detach(), draw), jitter(fake.detach(), draw)
        self.discriminator.requires_grad_(True)
        loss = F.softplus(-self.discriminator(real)).mean() + F.softplus(self.discriminator(fake)).mean()
        self._descend(loss)
        if self.updates % _PENALISED_EVERY == 0:
            penalty = gradient_penalty(self.discriminator, real)
            self._descend(0.5 * self.rivalry.gamma * _PENALISED_EVERY * penalty)
        self.discriminator.requires_grad_(False)
        self.updates += 1
        return loss.item()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """Non-saturating loss (scalar) of images [N, 3, S, S]: low where they pass for real.

        The discriminator gets no gradient from it.
        """
        return F.softplus(-self.discriminator(jitter(fake, self._draw("generator update")))).mean()

    def state_dict(self) -> dict[str, Any]:
        """Return what changes while training."""
        return {
            "discriminator": self.discriminator.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "updates": self.updates,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that was kept."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.updates = state["updates"]

    def _draw(self, purpose: str) -> torch.Generator:
        return torch.Generator().manual_seed(derive_seed(purpose, self.seed, self.updates))

    def _descend(self, loss: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()


def gradient_penalty(discriminator: Callable[..., Tensor], images: Tensor) -> Tensor:
    """R1 (Mescheder et al. 2018): mean over images [N, 3, S, S] of the squared norm of the logit's gradient.

    It is computed in the images' own precision: gradients of gradients do not stand bfloat16.
    """
    images = images.detach().requires_grad_(True)
    logits = discriminator(images, dtype=images.dtype)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def jitter(images: Tensor, draw: torch.Generator) -> Tensor:
    """Mirror every other image and move each by up to a sixteenth of the frame; grey (0) moves in.

    Differentiable; real and generated images alike go through it, so that the discriminator cannot learn the
    training portraits by heart (Zhao et al. 2020, "Differentiable Augmentation").

    Parameters
    ----------
    images : Tensor [N, 3, S, S]
    draw : torch.Generator
        On the CPU, wherever the images are.
    """
    size = images.shape[-1]
    reach = size // 16
    mirrored = (torch.rand(len(images), generator=draw) < 0.5).tolist()
    places = torch.randint(2 * reach + 1, (len(images), 2), generator=draw).tolist()
    moved = [
        (image.flip(2) if flip else image)[:, y : y + size, x : x + size]
        for image, flip, (y, x) in zip(F.pad(images, (reach,) * 4), mirrored, places, strict=True)
    ]
    return torch.stack(moved)
