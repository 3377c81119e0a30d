"""Networks and arithmetic for the methods, as the settings and the machine allow."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Literal

import torch

from loho_bench.annotation.choice import choose_device, choose_parser
from loho_bench.errors import UserError
from loho_bench.methods.protocol import Resources
from loho_bench.networks.stylegan2 import Generator
from loho_bench.settings.project import Settings
from loho_bench.weights import embedded
from loho_bench.weights.features import choose_features
from loho_bench.weights.needs import EMBEDDED, find_files
from loho_bench.weights.stylegan2 import load_generator

JOBS = ("generator", "parser", "features")
"""Jobs of the networks that transfers use."""


def load_resources(settings: Settings) -> Resources:
    """Load the networks that the settings name onto the GPU, where there is one, or the CPU.

    Raises
    ------
    UserError
        Files are missing (all of them are listed), or the generator makes images of another size than
        ``settings.transfer.resolution``.
    """
    find_files(settings, *JOBS)
    generator, resolution = _choose_generator(settings), settings.transfer.resolution
    if generator.size != resolution:
        raise UserError(
            f"transfer.resolution is {resolution}, which this generator cannot give",
            cause=f"the generator '{settings.networks.generator}' makes portraits of {generator.size} pixels",
            remedy=f"set transfer.resolution to {generator.size}",
        )
    device = choose_device()
    return Resources(
        generator=generator.to(device),
        lpips=choose_features(settings).to(device),
        parser=choose_parser(settings, device),
        device=device,
        precision=choose_precision(settings.transfer.precision, device),
    )


def _choose_generator(settings: Settings) -> Generator:
    if settings.networks.generator == EMBEDDED:
        return embedded.load_generator()
    return load_generator(find_files(settings, "generator")[settings.networks.generator]).generator


def choose_precision(
    wanted: Literal["auto", "float32", "bfloat16"], device: torch.device
) -> Literal["float32", "bfloat16"]:
    """Return ``wanted``, or for "auto" bfloat16 where the processor computes with it faster."""
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() and _has_bf16_units() else "float32"


def _has_bf16_units() -> bool:
    # oneDNN also emulates bfloat16 on processors that lack it, slower than float32.
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def describe_device(device: torch.device) -> str:
    """Return the kind of machine that a result was computed on, e.g. ``"AMD EPYC, 2 CPUs"``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor_name()}, {os.cpu_count()} CPUs"


def _processor_name() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
