"""How far two values are apart, and when a difference is forgiven."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from loho_bench.parity.comparison import GRADIENT, Checks
from loho_bench.parity.kinks import compare_nudged, nudged
from loho_bench.parity.rules import config_f_channels, parse_gain

CHECK = Checks("part")


def test_measures_are_what_they_say():
    wanted = torch.tensor([1.0, 2.0, 4.0, 5.0])
    found = wanted + torch.tensor([0.0, 0.0, 0.04, -0.02])
    assert CHECK.deviation("", found, wanted).relative == pytest.approx(0.04 / math.sqrt(2.5), rel=1e-5)
    assert CHECK.relative("", found, wanted).relative == pytest.approx(0.01, rel=1e-5)
    assert CHECK.norm("", found, wanted).relative == pytest.approx(math.sqrt(0.002 / 46), rel=1e-5)
    assert CHECK.absolute("", found, wanted, 1).relative == pytest.approx(0.04, rel=1e-5)
    assert CHECK.scaled("", found, wanted, 8, 1, "eighths").relative == pytest.approx(0.005, rel=1e-5)
    assert CHECK.equal("", found, wanted).relative == 0.5
    assert CHECK.equal("", found, wanted).absolute == pytest.approx(0.04, rel=1e-5)


@pytest.mark.parametrize(("error", "ok"), [(0.0, True), (0.9e-4, True), (1.1e-4, False)])
def test_the_tolerance_decides(error, ok):
    one = CHECK.relative("loss", 1 + error, 1.0)
    assert one.ok is ok
    assert one.severity == pytest.approx(error / 1e-4, abs=1e-8)


def test_no_number_and_no_shape_ever_pass():
    assert not CHECK.relative("", math.nan, 1.0).ok
    assert not CHECK.deviation("", np.full(3, np.nan), np.arange(3.0)).ok
    assert not CHECK.absolute("", math.inf, 1.0, 1e9).ok
    assert CHECK.relative("", math.inf, math.inf).ok
    other = CHECK.norm("", torch.zeros(1, 3), torch.zeros(3))
    assert (other.ok, other.note) == (False, "shape [1, 3], the reference has [3]")


def test_rounding_to_float16_does_not_count_but_more_does():
    exact = torch.linspace(-3, 3, 1000)
    kept = exact.half()
    assert CHECK.deviation("", exact, kept).relative < 1e-6
    assert not CHECK.deviation("", exact + 2e-3, kept).ok
    assert not CHECK.deviation("", exact, kept.float()).ok


def test_few_pixels_beside_a_kink_are_forgiven_and_told():
    draw = torch.Generator().manual_seed(0)
    wanted = torch.randn(1, 3, 20, 20, generator=draw)
    found = wanted.clone()
    found[..., 3, 4] += 0.1
    one = CHECK.gradient("", found, wanted)
    assert one.ok
    assert one.relative == 0
    assert one.absolute == pytest.approx(0.1, rel=1e-4)
    assert one.note.startswith("without 4 of 400 pixels")
    found[..., 3, 4] += 1  # too far out
    assert not CHECK.gradient("", found, wanted).ok
    spread = wanted + 2e-3 * torch.randn(wanted.shape, generator=draw)
    assert not CHECK.gradient("", spread, wanted).ok
    assert not CHECK.gradient("", 1.0011 * wanted, wanted).ok


def test_the_worst_of_several_speaks_for_all():
    several = [CHECK.norm(name, 1 + error, 1.0) for name, error in (("a", 1e-5), ("b", 3e-3), ("c", 2e-4))]
    one = CHECK.worst("together", several)
    assert (one.case, one.ok, one.note) == ("together", False, "worst of 3: b")
    assert one.relative == pytest.approx(3e-3)
    assert CHECK.worst("together", several[::2]).ok


def test_moved_inputs_help_beside_a_kink_only():
    """The slope of |x| at 0 is decided by the last bit; a wrong slope stays wrong."""

    def slope(factor: float):
        def evaluate(attempt: int) -> torch.Tensor:
            (x,) = nudged([torch.tensor([1.0, 2.0])], attempt)
            return factor * torch.where(x > 1, 1.0, 0.995)

        return evaluate

    wanted = torch.tensor([1.0, 1.0])
    helped = compare_nudged(lambda found: CHECK.norm("slope", found, wanted), slope(1.0))
    assert helped.ok
    assert "3.5e-03 as they are" in helped.note
    wrong = compare_nudged(lambda found: CHECK.norm("slope", found, wanted), slope(1.004))
    assert not wrong.ok
    assert wrong.relative > GRADIENT
    assert wrong.note == ""


def test_moved_inputs_are_moved_in_their_last_places():
    values = torch.linspace(-5, 5, 99)
    (same,), (moved,) = nudged([values], 0), nudged([values], 1)
    assert torch.equal(same, values)
    assert not torch.equal(moved, values)
    assert torch.allclose(moved, values, rtol=1e-6, atol=0)


def test_channels_of_the_published_widths():
    assert config_f_channels(1024) == {
        **dict.fromkeys((4, 8, 16, 32, 64), 512),
        128: 256,
        256: 128,
        512: 64,
        1024: 32,
    }
    assert config_f_channels(128, 1) == {**dict.fromkeys((4, 8, 16, 32), 512), 64: 256, 128: 128}


def test_gains_are_numbers_or_roots():
    assert parse_gain("sqrt(2)") == math.sqrt(2)
    assert parse_gain(1.4) == 1.4
