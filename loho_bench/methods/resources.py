"""Networks and arithmetic for the methods, as the settings and the machine allow."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from loho_bench.annotation.choice import choose_device, choose_parser
from loho_bench.methods.choice import choose_generator, choose_inpainter, choose_michigan
from loho_bench.methods.precision import allow_tf32, choose_precision
from loho_bench.methods.protocol import Resources
from loho_bench.settings.project import Settings
from loho_bench.weights.features import choose_features
from loho_bench.weights.needs import find_files


def load_resources(settings: Settings, jobs: Sequence[str]) -> Resources:
    """Load the networks that the settings name onto the GPU, where there is one, or the CPU.

    Says for this whole process whether a GPU may compute in TensorFloat-32.

    Parameters
    ----------
    settings : Settings
    jobs : sequence of str
        Which of them: the ``jobs`` of a method.

    Raises
    ------
    UserError
        Files are missing (all of them are listed), the generator makes images of another size than
        ``settings.transfer.resolution``, or the machine does not have the precision.
    """
    find_files(settings, *jobs)
    device = choose_device()
    precision = choose_precision(settings.transfer.precision, device)
    allow_tf32(precision == "tf32")

    def load(job: str, choose: Callable[[Settings, torch.device], Any]) -> Any:
        return choose(settings, device) if job in jobs else None

    return Resources(
        generator=load("generator", choose_generator),
        lpips=load("features", lambda settings, device: choose_features(settings).to(device)),
        parser=load("parser", choose_parser),
        device=device,
        precision=precision,
        inpainter=load("inpainter", choose_inpainter),
        michigan=load("michigan", choose_michigan),
        cuda_graphs=settings.transfer.cuda_graphs and device.type == "cuda",
    )


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
