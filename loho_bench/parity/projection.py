"""Gradient orthogonalization beside the reference's, which is right for one sample at a time."""

from __future__ import annotations

from collections.abc import Iterator

from loho_bench.methods.loho.orthogonalization import orthogonalize
from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.reference import Reference

SECTION = "gradient_orthogonalisation"
FILE = "gradient_orthogonalisation.safetensors"
TOLERANCE = 1e-5
_SMALLEST_NORM = 1e-12


def files(reference: Reference) -> list[str]:
    """Return the files that the folder should have for this component."""
    return [FILE] if SECTION in reference.params else []


def compare(reference: Reference) -> Iterator[Comparison]:
    """Compare every projected vector, in units of the length of the vector before."""
    check, stored = Checks("projection"), reference.tensors(FILE)
    structure, wanted = stored["g_R"], stored["projected_per_sample"]
    found = orthogonalize(structure, stored["g_AS"])
    lengths = structure.norm(dim=-1, keepdim=True).clamp(min=_SMALLEST_NORM).expand_as(wanted)
    for i in range(len(wanted)):
        yield check.scaled(
            f"sample {i}, {wanted.shape[1]} vectors",
            found[i],
            wanted[i],
            lengths[i],
            TOLERANCE,
            note="in lengths of the vector before",
        )
