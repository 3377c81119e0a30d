"""Networks and arithmetic for the methods, as the settings and the machine allow."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from loho_bench.annotation.choice import choose_device, choose_parser
from loho_bench.methods.choice import choose_generator, choose_inpainter, choose_michigan
from loho_bench.methods.protocol import Resources
from loho_bench.settings.project import Settings
from loho_bench.weights.features import choose_features
from loho_bench.weights.needs import find_files


def load_resources(settings: Settings, jobs: Sequence[str]) -> Resources:
    """Load the networks that the settings name onto the GPU, where there is one, or the CPU.

    Parameters
    ----------
    settings : Settings
    jobs : sequence of str
        Which of them: the ``jobs`` of a method.

    Raises
    ------
    UserError
        Files are missing (all of them are listed), or the generator makes images of another size than
        ``settings.transfer.resolution``.
    """
    find_files(settings, *jobs)
    device = choose_device()

    def load(job: str, choose: Callable[[Settings, torch.device], Any]) -> Any:
        return choose(settings, device) if job in jobs else None

    return Resources(
        generator=load("generator", choose_generator),
        lpips=load("features", lambda settings, device: choose_features(settings).to(device)),
        parser=load("parser", choose_parser),
        device=device,
        precision=choose_precision(settings.transfer.precision, device),
        inpainter=load("inpainter", choose_inpainter),
        michigan=load("michigan", choose_michigan),
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
