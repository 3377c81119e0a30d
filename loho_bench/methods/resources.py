"""Networks and arithmetic for the methods, as the settings and the machine allow."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Literal

import torch

from loho_bench.annotation.embedded import embedded_parser
from loho_bench.errors import UserError
from loho_bench.methods.protocol import Resources
from loho_bench.settings.project import TransferSettings
from loho_bench.weights.embedded import load_features, load_generator


def load_resources(settings: TransferSettings) -> Resources:
    """Load the networks onto the GPU, where there is one, or the CPU.

    Raises
    ------
    UserError
        The generator makes images of another size than ``settings.resolution``.
    """
    generator = load_generator()
    if generator.size != settings.resolution:
        raise UserError(
            f"transfer.resolution is {settings.resolution}, which this generator cannot give",
            cause=f"the {settings.networks} generator makes portraits of {generator.size} pixels",
            remedy=f"set transfer.resolution to {generator.size}",
        )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Resources(
        generator=generator.to(device),
        lpips=load_features().to(device),
        parser=embedded_parser(device),
        device=device,
        precision=choose_precision(settings.precision, device),
    )


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
