"""The StyleGAN2 generator in the common PyTorch layout beside the published implementation.

Which files are compared, and what is in them, the folder says: an entry of ``params.json`` names either
checkpoints or the sizes and the salt that rebuild one, and a file of inputs and outputs; every output in it
is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.networks.stylegan2 import Generator, latent_moments
from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.kinks import compare_nudged, nudged
from loho_bench.parity.noise import levels
from loho_bench.parity.reference import Reference
from loho_bench.parity.rules import config_f_channels, shapes_of, stylegan2_weights
from loho_bench.weights.stylegan2 import load_generator

SECTION = "stylegan2_rosinality"
LATENT = 1e-5
"""Mapped latents and their moments: relative, in norm."""
_TRUNCATED = re.compile(r"img_z_trunc(?P<psi>\d+)(?P<average>_latent_avg)?")
_POOLED = re.compile(r"img_mean_pool_to_(?P<size>\d+)")
_CROP = re.compile(r"img_crop_(?P<first>\d+)_(?P<last>\d+)")


def files(reference: Reference) -> list[str]:
    """Return the files that the folder should have for this component."""
    entries = reference.params.get(SECTION, {})
    return [f"{SECTION}/{name}" for entry in entries.values() for name in named_files(entry).values()]


def compare(reference: Reference) -> Iterator[Comparison]:
    """Compare every generator that ``params.json`` names, each checkpoint of it by itself."""
    check = Checks("stylegan2")
    for title, entry in reference.params[SECTION].items():
        io = reference.tensors(f"{SECTION}/{entry['file' if 'file' in entry else 'io']}")
        if "salt" in entry:
            channels = config_f_channels(entry["size"], entry.get("channel_multiplier", 2))
            generator = rebuilt_generator(
                entry["size"], entry["style_dim"], entry["n_mlp"], channels, entry["salt"]
            )
            yield from compare_generator(check, title, generator, None, io)
            continue
        for kind, name in named_files(entry, "io").items():
            loaded = load_generator(reference.path(f"{SECTION}/{name}"))
            case = f"{title}, {kind.replace('_', ' ')}"
            yield from compare_generator(check, case, loaded.generator, loaded.latent_average, io)


def rebuilt_generator(
    size: int, style_dim: int, n_mlp: int, channels: dict[int, int], salt: int
) -> Generator:
    """Return the generator whose weights follow from their names."""
    shapes = shapes_of(lambda: Generator(size, style_dim, n_mlp, channels))
    return Generator.from_state_dict(stylegan2_weights(shapes, salt))


def compare_generator(
    check: Checks, title: str, generator: Generator, average: Tensor | None, io: dict[str, Tensor]
) -> Iterator[Comparison]:
    """Compare latents, images and gradients that ``io`` holds; ``average`` [D] is the checkpoint's own."""
    with torch.no_grad():
        yield from _latents(check, title, generator, io)
        yield from _images(check, title, generator, average, io)
    if "cotangent" in io:
        yield from _gradients(check, title, generator, io)


def fraction(digits: str) -> float:
    """Return the number that a name writes without its point: ``"07"`` is 0.7, ``"1"`` is 1."""
    return float(f"{digits[0]}.{digits[1:] or 0}")


def _latents(check: Checks, title: str, generator: Generator, io: dict[str, Tensor]) -> Iterator[Comparison]:
    wanted = io.get("w_from_z", io.get("w"))
    if wanted is not None:
        yield check.norm(f"{title}: mapping", generator.mapping(io["z"]), wanted, LATENT)
    if "z_stats" in io:
        mean, deviation = latent_moments(generator.mapping(io["z_stats"]))
        yield check.norm(f"{title}: mean latent", mean, io["latent_mean"], LATENT)
        yield check.relative(f"{title}: deviation of latents", deviation, io["latent_std"], LATENT)


def _images(
    check: Checks, title: str, generator: Generator, average: Tensor | None, io: dict[str, Tensor]
) -> Iterator[Comparison]:
    partial = [name for name in io if _POOLED.fullmatch(name) or _CROP.fullmatch(name)]
    if "img_wplus_constnoise" in io or partial:
        image = generator.synthesis(io["wplus"])
        if "img_wplus_constnoise" in io:
            yield check.deviation(f"{title}: image of W+, stored noise", image, io["img_wplus_constnoise"])
        yield from _parts_of_image(check, title, image, io)
    if "img_z_constnoise" in io:
        wanted = io["img_z_constnoise"]
        w = generator.mapping(io["z"][: len(wanted)])
        found = generator.synthesis(generator.repeat(w))
        yield check.deviation(f"{title}: image of z", found, wanted)
    for name, wanted in io.items():
        truncated = _TRUNCATED.fullmatch(name)
        if not truncated or (truncated["average"] and average is None):
            continue
        psi = fraction(truncated["psi"])
        w = generator.mapping(io["z"][: len(wanted)])
        w = generator.truncate(w, average if truncated["average"] else io["latent_mean"], psi)
        towards = "the checkpoint's average" if truncated["average"] else "the mean"
        yield check.deviation(
            f"{title}: truncation {psi} to {towards}", generator.synthesis(generator.repeat(w)), wanted
        )


def _parts_of_image(check: Checks, title: str, image: Tensor, io: dict[str, Tensor]) -> Iterator[Comparison]:
    """Compare what stands for an image too large to be kept whole."""
    for name, wanted in io.items():
        if pooled := _POOLED.fullmatch(name):
            reduced = F.avg_pool2d(image, image.shape[-1] // int(pooled["size"]))
            yield check.deviation(f"{title}: image of W+, mean-pooled to {pooled['size']}", reduced, wanted)
        elif crop := _CROP.fullmatch(name):
            part = slice(int(crop["first"]), int(crop["last"]))
            found = image[:, :, part, part]
            yield check.deviation(f"{title}: image of W+, crop {part.start} to {part.stop}", found, wanted)
    if "img_channel_mean_std" in io:
        moments = torch.stack([image.mean(dim=(0, 2, 3)), image.std(dim=(0, 2, 3))])
        yield check.deviation(f"{title}: channel means and deviations", moments, io["img_channel_mean_std"])


def _gradients(
    check: Checks, title: str, generator: Generator, io: dict[str, Tensor]
) -> Iterator[Comparison]:
    @cache
    def evaluate(attempt: int) -> tuple[Tensor, Tensor, list[Tensor]]:
        wplus, *noise = nudged([io["wplus"], *levels(io, "noise")], attempt)
        for value in (wplus, *noise):
            value.requires_grad_()
        image = generator.synthesis(wplus, noise)
        for_wplus, *for_noise = torch.autograd.grad((image * io["cotangent"]).sum(), [wplus, *noise])
        return image.detach(), for_wplus, for_noise

    image, _, for_noise = evaluate(0)
    yield check.deviation(f"{title}: image of W+, given noise", image, io["img_wplus_noise"])
    yield compare_nudged(
        lambda found: check.norm(f"{title}: gradient by W+", found[1], io["grad_wplus"]), evaluate
    )
    for i, (found, wanted) in enumerate(zip(for_noise, levels(io, "grad_noise"), strict=True)):
        side = "x".join(map(str, wanted.shape[2:]))
        yield check.gradient(f"{title}: gradient by noise map {i}, {side}", found, wanted)


def named_files(entry: dict[str, Any], *others: str) -> dict[str, str]:
    """Return the files that an entry of ``params.json`` names, by what they are, without ``others``."""
    return {key: name for key, name in entry.items() if isinstance(name, str) and key not in others}
