"""``loho-bench transfer-one`` and ``layers`` on drawn portraits and the embedded networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from loho_bench.cli import main
from loho_bench.portraits.synthetic import render, sample_parameters
from loho_bench.storage import write_png

SETTINGS = json.dumps({"loho": {"steps_stage_one": 1, "steps_stage_two": 1}})
ROLES = ("identity", "structure", "appearance")


def leave(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    return exit_.value.code


@pytest.fixture
def portraits(tmp_path) -> list[str]:
    """The options that name three drawn portraits."""
    words = []
    for seed, role in enumerate(ROLES, start=40):
        write_png(render(sample_parameters(seed), 128).image, tmp_path / f"{role}.png")
        words += [f"--{role}", str(tmp_path / f"{role}.png")]
    return words


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_a_transfer_and_its_parts(portraits, tmp_path):
    command = ["transfer-one", "loho", *portraits, "--settings", SETTINGS]
    assert leave([*command, "-o", str(tmp_path / "new" / "out.png"), "--parts", str(tmp_path / "parts")]) == 0
    result, parts = pixels(tmp_path / "new" / "out.png"), tmp_path / "parts"
    assert result.shape == (128, 128, 3)
    names = {"foreground.png", "soft-mask.png", *(f"mask-{role}.png" for role in ROLES)}
    assert {path.name for path in parts.iterdir()} == names
    # Where nobody stands the identity's own background shows, where somebody does the synthesized portrait.
    mask, foreground = pixels(parts / "soft-mask.png"), pixels(parts / "foreground.png")
    shown = result[mask == 255].astype(int) - foreground[mask == 255]
    assert np.abs(shown).max() <= 1
    corner = np.s_[:4, :4]
    assert not mask[corner].any()
    difference = result[corner].astype(int) - pixels(tmp_path / "identity.png")[corner]
    assert np.abs(difference).max() <= 1
    mask = pixels(parts / "mask-structure.png")
    truth = render(sample_parameters(41), 128).hair
    seen = np.asarray(Image.fromarray(mask[..., 0]).resize((128, 128), Image.Resampling.NEAREST)) > 127
    assert (seen & truth).sum() / (seen | truth).sum() > 0.9


def test_what_cannot_be_used_is_said_and_leaves_nothing(portraits, tmp_path, capsys):
    out = tmp_path / "out.png"
    command = ["transfer-one", "loho", *portraits, "--settings", SETTINGS, "-o", str(out)]
    (tmp_path / "structure.png").write_bytes((tmp_path / "structure.png").read_bytes()[:300])
    assert leave(command) == 2
    message = capsys.readouterr().err
    assert "structure.png" in message
    assert "truncated" in message
    assert not out.exists()
    assert leave([*command[:1], "lohoo", *command[2:]]) == 2
    assert "Did you mean 'loho'?" in capsys.readouterr().err


def test_published_networks_that_are_missing_are_listed(portraits, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LOHO_BENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    networks = {"generator": "stylegan2-ffhq", "parser": "graphonomy", "features": "vgg16"}
    settings = json.dumps({"networks": networks})
    command = ["transfer-one", "loho", *portraits, "--settings", settings, "-o", str(tmp_path / "out.png")]
    assert leave(command) == 2
    message = capsys.readouterr().err
    assert "3 weight files are missing" in message
    for name in ("stylegan2-ffhq", "graphonomy", "vgg16"):
        assert name in message
