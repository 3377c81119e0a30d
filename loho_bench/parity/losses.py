"""LOHO's losses between images, with their gradients, and the VGG-16 and LPIPS below them.

In a case of several samples the authors' code divides by mask areas of the whole batch, takes the first
sample's area for all, and lets a Gram matrix mix samples. The losses here are per sample; such a case is
compared by weighing each sample as the authors' code does, and by folding the samples of the style loss into
channels. The notes say where.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from loho_bench.annotation.masks import dilate, erode
from loho_bench.methods.loho.losses import appearance_loss, identity_loss, style_loss
from loho_bench.methods.loho.targets import describe_hair
from loho_bench.networks.lpips import BLOCKS, Lpips, LpipsHeads
from loho_bench.networks.vgg import Vgg16
from loho_bench.parity.batches import appearance_of_batch, areas, grams_of_batch
from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.masks import rounds_of
from loho_bench.parity.reference import Entries, Reference
from loho_bench.parity.rules import checksums, generic_weights, parse_gain, shapes_of
from loho_bench.parity.vgg import compare_activations
from loho_bench.settings.loho import LohoSettings
from loho_bench.weights.perceptual import load_lpips_heads

SECTION = "losses"
CHECKSUMS = "losses/vgg16_fill_checksums.json"


@dataclass(frozen=True)
class Distance:
    """An LPIPS term of the reference: compared image, mask (None: whole frame), blocks, table by block."""

    name: str
    other: str
    mask: str | None
    blocks: tuple[int, ...]
    per_block: str | None = None


@dataclass(frozen=True)
class HairTerm:
    """A style or appearance term: reference image and mask, mask of ``I_G`` (None: no masks at all)."""

    suffix: str
    other: str
    other_mask: str | None
    mask: str | None


DISTANCES = (
    Distance("face_lpips", "I_1", "face_target_mask", BLOCKS, "face_lpips_per_block"),
    Distance("face_lpips_softmask", "I_1", "mask_G_soft", BLOCKS),
    Distance("hair_lpips", "I_2", "HM_2E", (4, 5)),
    Distance("lpips_all_blocks_nomask", "I_1", None, BLOCKS, "lpips_nomask_per_block"),
    Distance("lpips_blocks45_nomask", "I_2", None, (4, 5)),
)
HAIR_TERMS = (
    HairTerm("2g", "I_2", "HM_2", "mask_G"),
    HairTerm("3g", "I_3", "HM_3", "mask_G"),
    HairTerm("3g_nomask", "I_3", None, None),
    HairTerm("3g_softmask", "I_3", "HM_3", "mask_G_soft"),
)


def files(reference: Reference) -> list[str]:
    """Return the files that the folder should have for this component."""
    if SECTION not in reference.params:
        return []
    return [_file(case) for case in reference.params[SECTION]["cases"]]


def compare(reference: Reference) -> Iterator[Comparison]:
    """Compare every case: activations, Gram matrix, each loss and its gradient by ``I_G``."""
    check, parameters = Checks("losses"), reference.params[SECTION]
    vgg = rebuilt_vgg(int(parameters["vgg_salt"]), parse_gain(parameters["vgg_gain"]))
    if reference.has(CHECKSUMS):
        found, wanted = checksums(vgg.state_dict(), reference.values(CHECKSUMS)["tensors"])
        yield check.absolute("weights rebuilt from their names", found, wanted, 1e-6)
    cases = [_Case.of(check, reference, name) for name in parameters["cases"]]
    for case in cases:
        yield from case.regions()
        yield from compare_activations(check, case.title, vgg, case.values)
        yield from case.hair(Lpips(vgg, LpipsHeads()))  # these terms use no heads
    lpips = Lpips(vgg, load_lpips_heads(None))
    for case in cases:
        yield from case.distances(lpips)


def rebuilt_vgg(salt: int, gain: float) -> Vgg16:
    """Return the VGG-16 of full width whose weights follow from their names."""
    return Vgg16.from_state_dict(generic_weights(shapes_of(Vgg16), salt, gain))


class _Case:
    """One file of inputs, losses and gradients; ``I_G`` is what gradients are taken by."""

    def __init__(self, check: Checks, title: str, values: dict[str, Tensor]) -> None:
        self.check, self.title, self.values = check, title, values
        self.several = len(values["I_G"]) > 1

    @classmethod
    def of(cls, check: Checks, reference: Reference, name: str) -> _Case:
        tensors = reference.tensors(_file(name))
        values = Entries({key: value.float() for key, value in tensors.items()}, tensors.source)
        return cls(check, f"case {name}", values)

    def regions(self) -> Iterator[Comparison]:
        """Compare the masks that the loss terms use."""
        hair, grown, shrunk = (self.values[name] for name in ("HM_2", "HM_2D", "HM_2E"))
        rounds = rounds_of(hair[:, 0].numpy(), grown[:, 0].numpy())
        face = self.values["FM_1"] * (1 - dilate(hair, rounds))
        yield self.check.equal(f"{self.title}: face region", face, self.values["face_target_mask"])
        yield self.check.equal(f"{self.title}: hair region", erode(hair, rounds), shrunk)

    def distances(self, lpips: Lpips) -> Iterator[Comparison]:
        """Compare the LPIPS terms."""
        with torch.no_grad():
            others = {name: lpips.features(self.values[name]) for name in ("I_1", "I_2")}
        image = self.values["I_G"].clone().requires_grad_()
        generated = lpips.features(image)
        for term in DISTANCES:
            if f"loss_{term.name}" not in self.values:
                continue
            mask = None if term.mask is None else self.values[term.mask]
            weighed = self.several and mask is not None
            note = (
                "samples weighed by their share of the batch's mask, as in the authors' code"
                if weighed
                else ""
            )
            other = others[term.other]

            def block_values(blocks: tuple[int, ...], mask=mask, other=other) -> Tensor:
                if mask is None:
                    return lpips.distance(generated, other, None, blocks)
                return identity_loss(lpips, generated, other, mask, blocks, "features")

            by_block = [block_values((block,)) for block in term.blocks]
            if weighed:
                by_block = [
                    value * area / area.sum()
                    for value, area in zip(by_block, areas(mask, term.blocks), strict=True)
                ]
            value = torch.stack(by_block).sum(0) if weighed else block_values(term.blocks)
            yield from self._value_and_gradient(term.name, value, image, note)
            if term.per_block is not None and term.per_block in self.values:
                yield self.check.relative(
                    f"{self.title}: {term.per_block}",
                    torch.stack(by_block),
                    self.values[term.per_block],
                    note=note,
                )

    def hair(self, lpips: Lpips) -> Iterator[Comparison]:
        """Compare the style and the appearance terms."""
        settings = LohoSettings()
        for term in HAIR_TERMS:
            names = {"style": f"style_{term.suffix}", "appearance": f"appearance_{term.suffix}"}
            if not any(f"loss_{name}" in self.values for name in names.values()):
                continue
            mask, other_mask = (
                None if name is None else self.values[name] for name in (term.mask, term.other_mask)
            )
            image = self.values["I_G"].clone().requires_grad_()
            generated = describe_hair(lpips, image, mask, settings)
            with torch.no_grad():
                other = describe_hair(lpips, self.values[term.other], other_mask, settings)
            grams = [generated.grams, other.grams]
            notes = dict.fromkeys(names, "")
            if self.several:
                with torch.no_grad():
                    folded = grams_of_batch(lpips.vgg, self.values[term.other], other_mask, settings)
                grams = [grams_of_batch(lpips.vgg, image, mask, settings), folded]
                notes["style"] = "samples folded into channels: the official Gram matrix mixes them"
                if mask is not None:
                    notes["appearance"] = "divided by the first sample's mask area, as in the authors' code"
            vectors = (
                appearance_of_batch(generated.appearance, mask),
                appearance_of_batch(other.appearance, other_mask),
            )
            values = {
                "style": style_loss(*grams, "features").mean(),
                "appearance": appearance_loss(*vectors, "features").mean(),
            }
            for kind, name in names.items():
                yield from self._value_and_gradient(name, values[kind], image, notes[kind])

    def _value_and_gradient(self, name: str, value: Tensor, image: Tensor, note: str) -> Iterator[Comparison]:
        if f"loss_{name}" not in self.values:
            return
        wanted = self.values[f"loss_{name}"]
        yield self.check.relative(f"{self.title}: {name}", value.reshape(wanted.shape), wanted, note=note)
        if f"grad_{name}" in self.values:
            (gradient,) = torch.autograd.grad(value.sum(), image, retain_graph=True)
            expected = self.values[f"grad_{name}"] * self.values.get(f"gradscale_{name}", 1.0)
            yield self.check.gradient(f"{self.title}: gradient of {name}", gradient, expected, note=note)


def _file(case: str) -> str:
    return f"losses/case_{case}.safetensors"
