"""LOHO on the embedded networks, at their size: company and repetition change nothing in a portrait."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from loho_bench.annotation.embedded import EmbeddedParser
from loho_bench.methods.compositing import Telea
from loho_bench.methods.loho.method import Loho
from loho_bench.methods.protocol import Resources, Transfer, TupleBatch
from loho_bench.portraits.images import to_tensor
from loho_bench.portraits.synthetic import render, sample_parameters
from loho_bench.settings.loading import load_settings
from loho_bench.weights.embedded import load_features, load_generator, load_parser

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).parents[2] / "config" / "default.yaml"


def transfer(batch: TupleBatch) -> Transfer:
    """Run LOHO for 10 and 10 iterations on networks loaded for it alone, in float32."""
    shipped = load_settings(CONFIG).loho
    settings = shipped.model_copy(update={"steps_stage_one": 10, "steps_stage_two": 10})
    networks = load_generator(), load_features(), EmbeddedParser(load_parser())
    return Loho(settings, Resources(*networks, torch.device("cpu"), "float32", Telea())).transfer(batch)


@pytest.fixture(scope="module")
def batch() -> TupleBatch:
    """Three tuples of five drawn portraits, with their exact masks."""
    drawn = [render(sample_parameters(seed), 128) for seed in range(40, 45)]
    tensors = {}
    for shift, role in enumerate(("identity", "structure", "appearance")):
        chosen = drawn[shift : shift + 3]
        tensors[role] = torch.cat([to_tensor(portrait.image[None]) for portrait in chosen])
        for part in ("hair", "face"):
            masks = [torch.from_numpy(getattr(portrait, part)) for portrait in chosen]
            tensors[f"{role}_{part}"] = torch.stack(masks)[:, None].float()
    return TupleBatch(tuple_ids=("a", "b", "c"), seeds=(5, 2**62, 7), **tensors)


@pytest.fixture(scope="module")
def together(batch) -> Transfer:
    return transfer(batch)


@pytest.mark.parametrize("position", [0, 2])
def test_company_gives_the_same_bits_whoever_it_is(batch, together, position):
    """The runner computes a lone tuple as two of the same, and the batch sizes of runs differ."""
    doubled = transfer(batch.select([position, position]))
    for name in ("images", "foreground", "foreground_mask", "latents"):
        assert torch.equal(getattr(doubled, name)[0], getattr(together, name)[position]), name
    # Another portrait would not pass.
    assert (doubled.images[0] - together.images[1]).abs().max() > 0.1


def test_a_batch_gives_what_its_members_give_alone(batch, together):
    """But for the last bits, of which so few iterations make nothing."""
    alone = transfer(batch.select([2]))
    for name in ("foreground", "images"):
        assert (getattr(alone, name)[0] - getattr(together, name)[2]).abs().mean() < 2e-3, name


def test_the_same_seeds_give_the_same_bits_twice(batch, together):
    again = transfer(batch)
    for name in ("images", "foreground", "foreground_mask", "latents"):
        assert torch.equal(getattr(again, name), getattr(together, name)), name
    for name, trace in together.traces.items():
        assert torch.equal(again.traces[name].nan_to_num(), trace.nan_to_num()), name
