"""Small random networks and tuples, networks rebuilt from their key names, and a run folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from runner_world import install, write_world
from small_networks import SIZE, small_networks

from loho_bench.methods.compositing import Telea
from loho_bench.methods.protocol import Resources, TupleBatch
from loho_bench.networks.graphonomy import FACE, HAIR
from loho_bench.networks.lpips import Lpips
from loho_bench.networks.stylegan2 import Generator


class BrightnessParser:
    """Calls dark pixels hair and the brightest face; counts the images it has seen."""

    def __init__(self) -> None:
        self.calls = 0

    def parse(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        brightness = images.mean(1)
        labels = torch.zeros_like(brightness, dtype=torch.uint8)
        labels[brightness < 0.1] = HAIR
        labels[brightness > 0.4] = FACE
        return labels


@pytest.fixture(scope="session")
def networks() -> tuple[Generator, Lpips]:
    return small_networks()


@pytest.fixture
def resources(networks) -> Resources:
    generator, lpips = networks
    return Resources(generator, lpips, BrightnessParser(), torch.device("cpu"), inpainter=Telea())


@pytest.fixture(scope="session")
def batch() -> TupleBatch:
    """Three tuples of smooth random images with overlapping elliptic masks."""
    draw = torch.Generator().manual_seed(11)
    n = 3

    def image() -> torch.Tensor:
        coarse = torch.randn(n, 3, 4, 4, generator=draw)
        return torch.nn.functional.interpolate(coarse, size=(SIZE, SIZE), mode="bicubic").clamp(-1, 1)

    def ellipse(centre: float, radius: float) -> torch.Tensor:
        y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
        shift = torch.arange(n)[:, None, None]
        inside = ((x - 16 - shift) / 10) ** 2 + ((y - centre) / radius) ** 2 < 1
        return inside[:, None].float()

    return TupleBatch(
        tuple_ids=("easy-0001", "easy-0002", "medium-0001"),
        identity=image(),
        structure=image(),
        appearance=image(),
        identity_hair=ellipse(8, 7),
        identity_face=ellipse(20, 9),
        structure_hair=ellipse(9, 8),
        structure_face=ellipse(21, 8),
        appearance_hair=ellipse(7, 6),
        appearance_face=ellipse(19, 8),
        seeds=(101, 202, 303),
    )


@pytest.fixture
def world(tmp_path, monkeypatch) -> Path:
    """A run folder with five tuples of six portraits, and :class:`runner_world.Mix` as the only method."""
    monkeypatch.chdir(tmp_path)
    write_world()
    install(monkeypatch.setattr)
    return tmp_path
