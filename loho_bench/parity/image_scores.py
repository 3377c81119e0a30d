"""PSNR and SSIM beside scikit-image's."""

from __future__ import annotations

from collections.abc import Iterator

from loho_bench.metrics.psnr import psnr
from loho_bench.metrics.ssim import ssim, ssim_map
from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.reference import Reference

SECTION = None
IMAGES, VALUES = "metrics_images.npz", "metrics_values.json"
TOLERANCE = 1e-10
"""Both sides compute in float64."""
STORED_MAP = 1e-6
"""The maps are kept in float32."""


def files(reference: Reference) -> list[str]:
    """Return the files that the folder should have for this component."""
    return [IMAGES, VALUES] if reference.has(IMAGES) else []


def compare(reference: Reference) -> Iterator[Comparison]:
    """Compare every pair of images."""
    check, images = Checks("image-scores"), reference.arrays(IMAGES)
    for i, values in enumerate(reference.values(VALUES)["image_pairs"]):
        if "identical_images" in values:
            same, wanted = images["a0"], values["identical_images"]
            yield check.relative("equal images: SSIM", ssim(same, same), wanted["ssim"], TOLERANCE)
            yield check.relative("equal images: PSNR", psnr(same, same), float(wanted["psnr"]), TOLERANCE)
            continue
        pair = images[f"a{i}"], images[f"b{i}"]
        title = f"pair {i}, {pair[0].shape[0]}x{pair[0].shape[1]}"
        yield check.relative(f"{title}: PSNR", psnr(*pair), values["psnr"], TOLERANCE)
        yield check.relative(f"{title}: SSIM, uniform", ssim(*pair), values["ssim_uniform7"], TOLERANCE)
        yield check.relative(
            f"{title}: SSIM, Gaussian",
            ssim(*pair, "gaussian"),
            values["ssim_gaussian_sigma1.5_pop"],
            TOLERANCE,
        )
        wanted = images[f"ssim_map_uniform7_{i}"]
        yield check.absolute(f"{title}: SSIM map", ssim_map(*pair), wanted, STORED_MAP)
