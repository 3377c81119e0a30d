"""The parser and the landmark detector that the settings name."""

from __future__ import annotations

import torch

from loho_bench.annotation.embedded import embedded_landmarks, embedded_parser
from loho_bench.annotation.facexlib import load_face_parser
from loho_bench.annotation.fan import FanLandmarks
from loho_bench.annotation.graphonomy import MULTI_SCALE, SINGLE_SCALE, GraphonomyParser
from loho_bench.annotation.protocols import LandmarkDetector, Parser
from loho_bench.settings.project import Settings
from loho_bench.weights.graphonomy import load_graphonomy
from loho_bench.weights.needs import EMBEDDED, find_files


def choose_parser(settings: Settings, device: torch.device | str = "cpu") -> Parser:
    """Load the parser of ``settings.networks`` onto ``device``.

    Raises
    ------
    UserError
        Its file is missing (all that is missing is listed) or is not of this network.
    """
    networks = settings.networks
    if networks.parser == EMBEDDED:
        return embedded_parser(device)
    path = find_files(settings, "parser")[networks.parser]
    if networks.parser == "graphonomy":
        several = networks.parser_scales == "multiple"
        scales = MULTI_SCALE if several else SINGLE_SCALE
        return GraphonomyParser(load_graphonomy(path).to(device), scales, flip=several)
    return load_face_parser(networks.parser, path, device)


def choose_landmarks(settings: Settings, device: torch.device | str = "cpu") -> LandmarkDetector:
    """Load the landmark detector of ``settings.networks``; errors are those of :func:`choose_parser`."""
    networks = settings.networks
    if networks.landmarks == EMBEDDED:
        return embedded_landmarks(device)
    return FanLandmarks(find_files(settings, "landmarks"), detector=networks.face_detector, device=device)


def choose_device() -> torch.device:
    """Return the GPU where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
