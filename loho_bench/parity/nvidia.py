"""NVIDIA's pickled generators: tensors as the restricted reader finds them, and the images they make."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.reference import Reference
from loho_bench.parity.stylegan2 import LATENT, fraction, named_files
from loho_bench.weights.reading.nvidia_pickle import read_generator
from loho_bench.weights.stylegan2 import LoadedGenerator, load_generator

SECTION = "stylegan2_nvidia"
_LATENTS = re.compile(r"ws_psi(?P<psi>\d+)(?:_cutoff(?P<cutoff>\d+))?")
_IMAGE = re.compile(r"img_z_psi(?P<psi>\d+)_const")


def files(reference: Reference) -> list[str]:
    """Return the files that the folder should have for this component."""
    entries = reference.params.get(SECTION, {})
    return [f"{SECTION}/{name}" for entry in entries.values() for name in named_files(entry).values()]


def compare(reference: Reference) -> Iterator[Comparison]:
    """Compare every pickle that ``params.json`` names: its tensors, latents and images."""
    check = Checks("stylegan2-nvidia")
    for title, entry in reference.params[SECTION].items():
        io = reference.tensors(f"{SECTION}/{entry['io']}")
        state = reference.tensors(f"{SECTION}/{entry['state']}")
        for kind, name in named_files(entry, "io", "state").items():
            path, case = reference.path(f"{SECTION}/{name}"), f"{title}, {kind}"
            yield from _tensors(check, case, read_generator(path).tensors, state)
            with torch.no_grad():
                yield from _outputs(check, case, load_generator(path), io)


def _tensors(
    check: Checks, case: str, found: dict[str, Tensor], wanted: dict[str, Tensor]
) -> Iterator[Comparison]:
    names = sorted(wanted)
    known = [[name in found for name in names], [True] * len(names)]
    yield check.equal(f"{case}: names of {len(names)} tensors", *known)
    yield check.worst(
        f"{case}: values of {len(names)} tensors",
        (check.equal(name, found[name].float(), wanted[name].float()) for name in names if name in found),
    )


def _outputs(
    check: Checks, case: str, loaded: LoadedGenerator, io: dict[str, Tensor]
) -> Iterator[Comparison]:
    generator, average = loaded.generator, loaded.latent_average
    w = generator.mapping(io["z"])
    yield check.norm(f"{case}: mapping", w, io["w_from_z"], LATENT)
    yield check.norm(f"{case}: average latent", average, io["w_avg"], LATENT)
    silence = [torch.zeros_like(level) for level in generator.constant_noise()]
    for name, wanted in io.items():
        if latents := _LATENTS.fullmatch(name):
            found, cutoff = generator.repeat(w).clone(), int(latents["cutoff"] or generator.num_latents)
            found[:, :cutoff] = generator.truncate(found[:, :cutoff], average, fraction(latents["psi"]))
            until = f" of the first {cutoff}" if latents["cutoff"] else ""
            title = f"{case}: latents truncated by {fraction(latents['psi'])}{until}"
            yield check.norm(title, found, wanted, LATENT)
        elif image := _IMAGE.fullmatch(name):
            truncated = generator.truncate(w[: len(wanted)], average, fraction(image["psi"]))
            found = generator.synthesis(generator.repeat(truncated))
            yield check.deviation(f"{case}: image of z, truncation {fraction(image['psi'])}", found, wanted)
        elif name.startswith("img_wplus_const"):
            unfused = ", unfused modulation" if name.endswith("unfused") else ""
            found = generator.synthesis(io["wplus"])
            yield check.deviation(f"{case}: image of W+, stored noise{unfused}", found, wanted)
        elif name == "img_wplus_none":
            found = generator.synthesis(io["wplus"], silence)
            yield check.deviation(f"{case}: image of W+, no noise", found, wanted)
