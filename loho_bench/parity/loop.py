"""LOHO's whole loop beside the authors': each step alone from the stored state before it, then the path.

Weights follow from their names, tuple, random numbers and parser masks are those of the reference; its size,
its steps and the switch between the stages are what its file and ``params.json`` say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from loho_bench.annotation.graphonomy import MULTI_SCALE, GraphonomyParser
from loho_bench.annotation.masks import REFERENCE_SIZE
from loho_bench.methods.loho.losses import appearance_loss, identity_loss, structure_loss, style_loss
from loho_bench.methods.loho.noise import noise_loss
from loho_bench.methods.loho.objective import Objective
from loho_bench.methods.loho.orthogonalization import orthogonalize
from loho_bench.methods.loho.targets import Targets, describe_hair, lpips_features, resize_to
from loho_bench.methods.protocol import TupleBatch
from loho_bench.networks.graphonomy import FACE, HAIR
from loho_bench.networks.lpips import Lpips
from loho_bench.networks.stylegan2 import Generator
from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.graphonomy import compare_labels, rebuilt_parser
from loho_bench.parity.kinks import compare_nudged, nudged
from loho_bench.parity.loop_path import compare_path
from loho_bench.parity.loop_result import compare_result
from loho_bench.parity.losses import rebuilt_vgg
from loho_bench.parity.masks import rounds_of
from loho_bench.parity.noise import levels
from loho_bench.parity.reference import Reference
from loho_bench.parity.rules import config_f_channels, shapes_of, stylegan2_weights
from loho_bench.settings.loho import LohoSettings
from loho_bench.weights.perceptual import load_lpips_heads

SECTION = "loho_loop"
RGB_FACTOR = 0.2
"""By which the reference shrinks the RGB layers, so that the image keeps a sensible range."""
PARSER_GRAPH_GAIN = 0.5
GRADIENTS = {
    "g_L": ("hairrec_loss",),
    "g_S2": ("hairappearance_2g_loss", "hairstyle_2g_loss"),
    "g_S3": ("hairappearance_3g_loss", "hairstyle_3g_loss"),
    "simple_L": ("facerec_loss", "n_loss", "hairappearance_3g_loss", "hairstyle_3g_loss"),
}
"""The reference's gradients of W+ by the losses that they sum."""


def files(reference: Reference) -> list[str]:
    """Return the files that the folder should have for this component."""
    return [_file(reference)] if SECTION in reference.params else []


def compare(reference: Reference) -> Iterator[Comparison]:
    """Compare the targets, every step by itself, the parser's masks, and the whole path."""
    check, parameters = Checks("loop"), reference.params[SECTION]
    stored = reference.tensors(_file(reference))
    loop = Loop.of(parameters, stored)
    targets = loop.objective.targets
    yield check.equal("hair region", targets.hair_region, stored["HM_2E"])
    yield check.equal("face region", targets.face_region, stored["FM_1"] * (1 - stored["HM_2D"].float()))
    for step in range(loop.settings.steps):
        yield from loop.compare_step(check, step)
    if "salt_parser" in parameters:
        yield from _parser_masks(check, int(parameters["salt_parser"]), loop)
    yield from compare_path(check, loop.objective, loop.synthesize, stored, loop.settings)
    yield from compare_result(check, loop.generator, stored)


@dataclass(frozen=True)
class Loop:
    """The networks, the settings and the stored tensors of one run of the authors' loop."""

    generator: Generator
    objective: Objective
    settings: LohoSettings
    stored: dict[str, Tensor]

    @classmethod
    def of(cls, parameters: dict, stored: dict[str, Tensor]) -> Loop:
        """Rebuild the networks; every size is that of the stored tensors."""
        size = stored["I_1"].shape[-1]
        rounds = rounds_of(stored["HM_2"][:, 0].numpy(), stored["HM_2D"][:, 0].numpy())
        first = int(parameters["stage_two_from"])
        settings = LohoSettings(
            steps_stage_one=first,
            steps_stage_two=int(parameters["steps"]) - first,
            # The authors' margin is a number of pixels in any frame.
            margin=rounds * REFERENCE_SIZE / size,
        )
        salt = int(parameters["salt"])
        lpips = Lpips(rebuilt_vgg(salt, 2**0.5), load_lpips_heads(None))
        targets = Targets.of(_tuple(stored), lpips, size, settings)
        generator = _generator(parameters, stored, salt)
        return cls(generator, Objective(lpips, targets, settings), settings, stored)

    def synthesize(self, latents: Tensor, noise: list[Tensor]) -> Tensor:
        """Return the image at the working resolution."""
        return resize_to(self.generator.synthesis(latents, noise), self.stored["I_1"].shape[-1])

    def compare_step(self, check: Checks, step: int) -> Iterator[Comparison]:
        """Compare image, losses and gradients of one step, from the stored latents and noise maps."""
        prefix, title = f"s{step}.", f"step {step}"
        evaluate = cache(lambda attempt: self._evaluate(step, attempt))
        first = evaluate(0)
        if f"{prefix}I_G" in self.stored:
            yield check.deviation(f"{title}: image", first.image, self.stored[f"{prefix}I_G"])
        yield check.worst(
            f"{title}: {len(first.losses)} losses",
            (check.relative(name, value, self.stored[prefix + name]) for name, value in first.losses.items()),
        )
        for name in first.gradients:

            def gradient(found: _Step, name: str = name) -> Comparison:
                wanted = self.stored[prefix + name]
                return check.norm(f"{title}: gradient {name}", found.gradients[name], wanted)

            yield compare_nudged(gradient, evaluate)
        if wanted := levels(self.stored, f"{prefix}noise_grad"):
            yield check.worst(
                f"{title}: gradients of {len(wanted)} noise maps",
                (check.gradient(f"map {i}", first.noise[i], one) for i, one in enumerate(wanted)),
            )

    def _evaluate(self, step: int, attempt: int) -> _Step:
        prefix = f"s{step}."
        given = [self.stored[f"{prefix}latent_noised"], *levels(self.stored, f"{prefix}noise_before")]
        latents, *maps = (value.requires_grad_() for value in nudged(given, attempt))
        mask = self.stored[f"{prefix}mask2"].float()
        image = self.synthesize(latents, maps)
        losses = self._losses(image, mask, maps)
        gradients = {}
        for name, summed in GRADIENTS.items():
            if prefix + name in self.stored:
                total = sum(losses[loss] for loss in summed)
                (gradients[name],) = torch.autograd.grad(total.sum(), latents, retain_graph=True)
        if f"{prefix}adjusted_g_L" in self.stored:
            gradients["adjusted_g_L"] = orthogonalize(gradients["g_L"], gradients["g_S2"])
        if step < self.settings.steps_stage_one:
            used = self.objective.reconstruct(image, latents, maps)
        else:
            used = self.objective.transfer(image, mask, latents, maps)
        gradients["latent_grad_used"] = used.latents
        values = {name: loss.detach()[0] for name, loss in losses.items()}
        return _Step(image.detach(), values, gradients, used.noise)

    def _losses(self, image: Tensor, mask: Tensor, noise: list[Tensor]) -> dict[str, Tensor]:
        """Return the weighted losses ``[N]`` under the reference's names."""
        lpips, targets, settings = self.objective.lpips, self.objective.targets, self.settings
        weights, reading = settings.weights, settings.masking
        features = lpips_features(lpips, image, targets.face_region, reading)
        hair = describe_hair(lpips, image, mask, settings)
        face = (targets.identity_features, targets.face_region, settings.identity_blocks, reading)
        structure = (targets.structure_features, targets.hair_region, settings.structure_blocks, reading)
        losses = {
            "facerec_loss": weights.face * identity_loss(lpips, features, *face),
            "hairrec_loss": weights.structure * structure_loss(lpips, features, *structure),
            "n_loss": weights.noise * noise_loss(noise),
        }
        for index, other in (("2", targets.hair_of_structure), ("3", targets.hair_of_appearance)):
            appearance = appearance_loss(hair.appearance, other.appearance, reading)
            style = style_loss(hair.grams, other.grams, reading)
            losses[f"hairappearance_{index}g_loss"] = weights.appearance * appearance
            losses[f"hairstyle_{index}g_loss"] = weights.style * style
        return losses


class _Step(NamedTuple):
    """Image, weighted losses, and gradients of W+ and of the noise maps, of one step."""

    image: Tensor
    losses: dict[str, Tensor]
    gradients: dict[str, Tensor]
    noise: list[Tensor]


def _generator(parameters: dict, stored: dict[str, Tensor], salt: int) -> Generator:
    size = max(level.shape[-1] for level in levels(stored, "s0.noise_before"))
    channels = config_f_channels(size, parameters.get("channel_multiplier", 2))
    # The depth of the mapping network does not matter: the latents are given.
    depth = parameters.get("n_mlp", 8)
    shapes = shapes_of(lambda: Generator(size, len(stored["latent_mean"]), depth, channels))
    state = stylegan2_weights(shapes, salt)
    for name in state:
        if name.startswith("to_rgb") and name.endswith(("conv.weight", ".bias")) and "modulation" not in name:
            state[name] = RGB_FACTOR * state[name]
    return Generator.from_state_dict(state)


def _tuple(stored: dict[str, Tensor]) -> TupleBatch:
    unused = torch.zeros_like(stored["HM_2"])
    return TupleBatch(
        tuple_ids=("reference",),
        identity=stored["I_1"],
        structure=stored["I_2"],
        appearance=stored["I_3"],
        identity_hair=stored["HM_1"],
        identity_face=stored["FM_1"],
        structure_hair=stored["HM_2"],
        structure_face=unused,
        appearance_hair=stored["HM_3"],
        appearance_face=unused,
        seeds=(0,),
    )


@torch.no_grad()
def _parser_masks(check: Checks, salt: int, loop: Loop) -> Iterator[Comparison]:
    network = rebuilt_parser(salt, PARSER_GRAPH_GAIN)
    network.semantic.bias.data.copy_(loop.stored["parser_semantic_bias_override"])
    parser = GraphonomyParser(network, MULTI_SCALE, flip=True)
    for step in range(loop.settings.steps):
        if f"s{step}.I_G" not in loop.stored:
            continue
        logits = parser.summed_logits(loop.stored[f"s{step}.I_G"])
        labels = logits.argmax(1)
        for name, label in (("hair", HAIR), ("face", FACE)):
            wanted = loop.stored[f"s{step}.{name[0].upper()}M_G"][:, 0].bool()
            title = f"step {step}: parser's {name} mask"
            yield compare_labels(check, title, labels == label, wanted, logits)


def _file(reference: Reference) -> str:
    return f"loho_loop/{reference.params[SECTION]['file']}"
