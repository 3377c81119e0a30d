"""Training of MichiGAN: references, batches, the discriminator; a killed training goes on exactly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from loho_bench.annotation.orientation import portrait_orientation
from loho_bench.networks.graphonomy import HAIR
from loho_bench.networks.lpips import Lpips, LpipsHeads
from loho_bench.networks.michigan import rgb_to_channels
from loho_bench.networks.vgg import Vgg16
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.michigan import generator as generator_training
from loho_bench.training.michigan.batches import draw_batch, plain_batch
from loho_bench.training.michigan.discriminator import Rival
from loho_bench.training.michigan.figures import painting_figures
from loho_bench.training.michigan.generator import train_spade_generator
from loho_bench.training.michigan.inpainter import (
    draw_holes,
    encoded,
    inpainter_figures,
    train_orientation_inpainter,
)
from loho_bench.training.michigan.pairs import render_pairs

TINY = {"size": 128, "width": 2, "widest": 8, "hidden": 4, "margin": 0, "levels": 5, "halvings": 2}


@pytest.fixture(scope="module")
def pairs(portraits, tmp_path_factory):
    return render_pairs(tmp_path_factory.mktemp("pairs") / "pairs", portraits, 8, seed=0)


@pytest.fixture(scope="module")
def features():
    torch.manual_seed(0)
    widths = (2, 2, 4, 4, 4)
    return Lpips(Vgg16(widths), LpipsHeads(widths)).eval().requires_grad_(False)


def mean_colours(images, masks):
    return np.stack([image[mask].mean(axis=0) for image, mask in zip(images, masks, strict=True)])


def test_references_are_other_people_with_hair_of_the_same_colour(portraits, pairs):
    assert len(pairs) == 8
    hair = portraits.labels[pairs.targets] == HAIR
    colours = mean_colours(portraits.images[pairs.targets], hair)
    others = mean_colours(pairs.reference_images, pairs.reference_hair)
    gaps = np.abs(colours[:, None] - others[None]).mean(axis=2)
    own = np.diagonal(gaps)
    assert own.mean() < 0.5 * gaps[~np.eye(8, dtype=bool)].mean()
    overlap = (hair & pairs.reference_hair).sum() / (hair | pairs.reference_hair).sum()
    assert overlap < 0.75
    for flow, image, mask in zip(pairs.orientations, portraits.images[pairs.targets], hair, strict=True):
        assert np.array_equal(flow, portrait_orientation(image, mask))


def test_pairs_are_rendered_once(portraits, tmp_path, monkeypatch):
    first = render_pairs(tmp_path / "pairs", portraits, 2, seed=1)
    with monkeypatch.context() as patch:
        patch.setattr("loho_bench.training.michigan.pairs.process_pool", None)
        again = render_pairs(tmp_path / "pairs", portraits, 2, seed=1)
    assert np.array_equal(first.reference_images, again.reference_images)
    assert {path.name for path in tmp_path.iterdir()} == {"pairs"}


def test_mirrored_targets_keep_mask_and_orientation_in_step(portraits, pairs):
    index = np.arange(8)
    plain = plain_batch(portraits, pairs, index, 128, torch.Generator().manual_seed(0))
    drawn = draw_batch(portraits, pairs, index, 128, torch.Generator().manual_seed(0))
    flips = 0
    for k in range(8):
        flipped = not torch.equal(drawn.target[k], plain.target[k])
        flips += flipped
        wanted = plain.target[k].flip(-1) if flipped else plain.target[k]
        assert torch.equal(drawn.target[k], wanted)
        pixels = ((wanted.permute(1, 2, 0) + 1) * 127.5).round().byte().numpy()
        mask = drawn.hair[k, 0].numpy() > 0
        # The filters find the same in the picture that is shown, but for the script's 31 steps.
        angle = portrait_orientation(pixels, mask) * (2 * np.pi / 255)
        sine, cosine = drawn.orientation[k].numpy()
        agreement = sine * np.sin(angle) + cosine * np.cos(angle)
        assert agreement[mask].mean() > 0.9
    assert 0 < flips < 8


def test_small_batches_are_the_same_portraits(portraits, pairs):
    index = np.arange(4)
    whole, small = (
        plain_batch(portraits, pairs, index, size, torch.Generator().manual_seed(0)) for size in (128, 64)
    )
    for field in dataclasses.fields(small):
        assert getattr(small, field.name).shape[2:] == (64, 64), field.name
    assert torch.allclose(small.target.mean((2, 3)), whole.target.mean((2, 3)), atol=1e-5)
    assert set(small.hair.unique().tolist()) == {0.0, 1.0}
    lengths = small.orientation.norm(dim=1)[small.hair[:, 0] > 0]
    assert torch.allclose(lengths, torch.ones_like(lengths), atol=1e-4)


def test_a_rival_learns_and_gives_the_generator_direction():
    torch.manual_seed(0)
    rival = Rival(1e-3)
    real, structure = torch.rand(4, 3, 64, 64), torch.rand(4, 3, 64, 64)
    fake = -torch.rand(4, 3, 64, 64)
    losses = [rival.update(real, fake, structure) for _ in range(30)]
    assert losses[0] == pytest.approx(2, abs=0.6)
    assert losses[-1] < 0.5 * losses[0]
    tried = fake.clone().requires_grad_(True)
    fooling, matching = rival.judge(real, tried, structure)
    before = fooling.item()
    assert matching > 0
    fooling.backward()
    assert all(p.grad is None or not p.requires_grad for p in rival.discriminator.parameters())
    after, _ = rival.judge(real, fake - 20 * tried.grad.sign() * 0.01, structure)
    assert after < before
    assert rival.judge(real, real, structure)[1] == 0


@pytest.mark.parametrize("killed_in", [4, 6])
def test_a_killed_training_goes_on_exactly(portraits, pairs, features, tmp_path, monkeypatch, killed_in):
    monkeypatch.setattr(generator_training, "_SAVED_EVERY", 1)
    monkeypatch.setattr(generator_training, "_CALIBRATIONS", 2)
    monkeypatch.setattr(generator_training, "_BATCHES", {64: 3, 128: 2})

    def train(folder):
        checkpoints = Checkpoints(tmp_path / folder)
        options = {"steps": 4, "refining_steps": 2, "seed": 0, "config": TINY, "checkpoints": checkpoints}
        return train_spade_generator(portraits, pairs, features, **options)[0]

    whole = train("whole")
    follow, calls = generator_training._follow, []

    def interrupted(*given):
        calls.append(1)
        if len(calls) == killed_in:
            raise KeyboardInterrupt
        follow(*given)

    with monkeypatch.context() as patch:
        patch.setattr(generator_training, "_follow", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train("killed")
    resumed = train("killed")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert not whole.training


def test_the_encoding_is_what_the_generator_decodes(portraits, pairs):
    batch = plain_batch(portraits, pairs, np.arange(3), 128, torch.Generator().manual_seed(0))
    assert torch.allclose(rgb_to_channels(encoded(batch), batch.hair), batch.orientation, atol=1e-6)
    holes = draw_holes(batch, torch.Generator().manual_seed(0))
    assert holes.any()
    assert not (holes * (1 - batch.hair)).any()


def test_the_orientation_inpainter_learns(portraits, pairs, tmp_path):
    config = {"size": 32, "width": 4, "blocks": 1}
    torch.manual_seed(0)
    errors = []
    for steps in (1, 25):
        network, seconds = train_orientation_inpainter(
            portraits, pairs, steps=steps, seed=0, checkpoints=Checkpoints(tmp_path), config=config
        )
        errors.append(inpainter_figures(network, portraits, pairs)["orientation_error"])
    assert seconds > 0
    assert errors[1] < 0.9 * errors[0]


def test_figures_of_a_perfect_painter(portraits, pairs, features):
    perfect = painting_figures(lambda **given: given["image"], features, portraits, pairs)
    assert perfect["hair_l1"] == perfect["hair_lpips"] == perfect["hair_colour_error"] == 0
    # A flat fill is right in the mean at most.
    assert perfect["flat_hair_colour_error"] < perfect["flat_hair_l1"]
    assert perfect["flat_hair_lpips"] > 0


def test_figures_count_levels_inside_the_hair(portraits, pairs, features):
    def brighter(**given):
        return given["image"] + torch.where(given["hair"] > 0, 10 / 127.5, 1.0)

    found = painting_figures(brighter, features, portraits, pairs)
    assert found["hair_l1"] == pytest.approx(10, rel=1e-3)
    assert found["hair_colour_error"] == pytest.approx(10, rel=1e-3)
    assert found["hair_psnr"] == pytest.approx(20 * np.log10(255 / 10), rel=1e-3)
