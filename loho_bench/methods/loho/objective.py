"""Which loss gives which variable which gradient.

Gradients are those of the weighted sum of equation 8, for every sample by itself. Where terms must be
kept apart, the image is differentiated once per term, and only those cotangents go through the generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from loho_bench.methods.loho.losses import appearance_loss, identity_loss, structure_loss, style_loss
from loho_bench.methods.loho.noise import noise_loss
from loho_bench.methods.loho.orthogonalization import orthogonalize
from loho_bench.methods.loho.targets import Hair, Targets, describe_hair, lpips_features
from loho_bench.networks.lpips import Lpips
from loho_bench.settings.loho import LohoSettings


class Gradients(NamedTuple):
    """Gradients for Adam, and what is worth a trace: a value ``[N]`` per name, losses unweighted."""

    latents: Tensor
    noise: list[Tensor]
    traced: dict[str, Tensor]


class _Parts(NamedTuple):
    """The two terms that compare ``I_G`` with whole regions: ``L_f`` and ``L_r``, ``[N]`` each."""

    face: Tensor
    structure: Tensor


@dataclass(frozen=True)
class Objective:
    """Equation 8 for one batch of tuples.

    ``image`` below is ``I_G`` ``[N,3,H,W]`` at the working resolution, a function of ``latents``
    ``[N,L,D]`` and ``noise`` (maps ``[N,1,r,r]``) with its graph attached.
    """

    lpips: Lpips
    targets: Targets
    settings: LohoSettings

    def select(self, rows: Sequence[int]) -> Objective:
        """Give the objective of some of the tuples, or of some of them twice."""
        return replace(self, targets=self.targets.select(rows))

    def reconstruct(self, image: Tensor, latents: Tensor, noise: Sequence[Tensor]) -> Gradients:
        """Stage 1: ``λ_f L_f + λ_r L_r + λ_n L_n`` to all variables."""
        weights = self.settings.weights
        face, structure = self._reconstruction(image)
        regularization = noise_loss(noise)
        total = weights.face * face + weights.structure * structure + weights.noise * regularization
        for_latents, *for_noise = torch.autograd.grad(total.sum(), [latents, *noise])
        traced = {"face": face, "structure": structure, "noise": regularization}
        return Gradients(for_latents, for_noise, _detached(traced))

    def transfer(
        self,
        image: Tensor,
        hair_mask: Tensor,
        latents: Tensor,
        noise: Sequence[Tensor],
        *,
        trace_gradients: bool = False,
    ) -> Gradients:
        """Stage 2: ``λ_f L_f + λ_a L_a + λ_s L_s + λ_n L_n``, and ``L_r`` as the settings have it.

        ``hair_mask`` is ``M_G^h`` ``[N,1,H,W]``; it carries no gradient. With ``"orthogonalized"`` the
        structure gradient is projected and reaches W+ alone, as in the authors' code; with
        ``"unprojected"`` it is one more term of the sum, for all variables. ``trace_gradients`` measures
        the structure and the reference gradient where they are not needed otherwise.
        """
        weights = self.settings.weights
        face, structure = self._reconstruction(image)
        hair = describe_hair(self.lpips, image, hair_mask, self.settings)
        appearance, style = self._hair_losses(hair, self.targets.hair_of_appearance)
        regularization = noise_loss(noise)
        rest = weights.face * face + weights.appearance * appearance + weights.style * style
        traced = {
            "face": face,
            "structure": structure,
            "appearance": appearance,
            "style": style,
            "noise": regularization,
        }
        if self.settings.structure_in_stage_two == "orthogonalized":
            terms = (rest, weights.structure * structure, self._reference(hair))
            (g_rest, g_structure, g_hair), for_noise = pull_back(
                image, terms, latents, noise, batched=image.device.type != "cpu"
            )
            projected = orthogonalize(g_structure, g_hair)
            for_latents = g_rest + projected
            traced |= _gradient_traces(g_structure, g_hair)
            traced["projected_gradient"] = projected.square().sum(dim=(1, 2))
            for_regularization = torch.autograd.grad((weights.noise * regularization).sum(), list(noise))
            for_noise = [a + b for a, b in zip(for_noise, for_regularization, strict=True)]
        else:
            if trace_gradients:
                terms = (weights.structure * structure, self._reference(hair))
                traced |= _gradient_traces(
                    *(torch.autograd.grad(term.sum(), latents, retain_graph=True)[0] for term in terms)
                )
            total = rest + weights.noise * regularization
            if self.settings.structure_in_stage_two == "unprojected":
                total = total + weights.structure * structure
            for_latents, *for_noise = torch.autograd.grad(total.sum(), [latents, *noise])
        return Gradients(for_latents, for_noise, _detached(traced))

    def _reference(self, hair: Hair) -> Tensor:
        """``λ_a L_a + λ_s L_s`` against the hair of ``I2``, ``[N]``: its gradient is ``g_AS``."""
        appearance, style = self._hair_losses(hair, self.targets.hair_of_structure)
        return self.settings.weights.appearance * appearance + self.settings.weights.style * style

    def _reconstruction(self, image: Tensor) -> _Parts:
        """``L_f`` and ``L_r``, from one VGG pass when masks act on the features."""
        targets, reading = self.targets, self.settings.masking
        in_face = lpips_features(self.lpips, image, targets.face_region, reading)
        in_hair = (
            in_face
            if reading == "features"
            else lpips_features(self.lpips, image, targets.hair_region, reading)
        )
        return _Parts(
            face=identity_loss(
                self.lpips,
                in_face,
                targets.identity_features,
                targets.face_region,
                self.settings.identity_blocks,
                reading,
            ),
            structure=structure_loss(
                self.lpips,
                in_hair,
                targets.structure_features,
                targets.hair_region,
                self.settings.structure_blocks,
                reading,
            ),
        )

    def _hair_losses(self, generated: Hair, target: Hair) -> tuple[Tensor, Tensor]:
        """``L_a`` and ``L_s``, ``[N]`` each."""
        reading = self.settings.masking
        return (
            appearance_loss(generated.appearance, target.appearance, reading),
            style_loss(generated.grams, target.grams, reading),
        )


def pull_back(
    image: Tensor, terms: Sequence[Tensor], latents: Tensor, noise: Sequence[Tensor], *, batched: bool
) -> tuple[Tensor, list[Tensor]]:
    """Differentiate ``T`` terms ``[N]`` by W+, and the first of them by the noise maps as well.

    ``batched`` sends all cotangents through the generator at once, which fills an accelerator; a
    processor is quicker with one after the other. The results agree.

    Returns
    -------
    tuple
        ``[T,N,L,D]``, and the list of ``[N,1,r,r]``.
    """
    cotangents = torch.stack([torch.autograd.grad(t.sum(), image, retain_graph=True)[0] for t in terms])
    if batched:
        for_latents, *for_noise = torch.autograd.grad(
            image, [latents, *noise], cotangents, is_grads_batched=True
        )
        return for_latents, [g[0] for g in for_noise]
    first, *for_noise = torch.autograd.grad(image, [latents, *noise], cotangents[0], retain_graph=True)
    others = [torch.autograd.grad(image, latents, c, retain_graph=True)[0] for c in cotangents[1:]]
    return torch.stack([first, *others]), list(for_noise)


def _gradient_traces(structure: Tensor, hair: Tensor) -> dict[str, Tensor]:
    """Summaries ``[N]`` over all W+ vectors: the paper's Figure 5 shows ``gradient_dot``."""
    return {
        "gradient_dot": (structure * hair).sum(dim=(1, 2)),
        "gradient_cosine": torch.cosine_similarity(structure, hair, dim=-1).mean(1),
        "structure_gradient": structure.square().sum(dim=(1, 2)),
    }


def _detached(values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in values.items()}
