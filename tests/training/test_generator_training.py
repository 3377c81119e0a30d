"""The generator's training, cut down to seconds: going on after a kill, inversion."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_networks import small_networks
from torch.nn import functional as F

from loho_bench.networks.stylegan2 import Generator
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.generator import train as module
from loho_bench.training.generator.codes import CODE_SIZE
from loho_bench.training.generator.noise import noise_inputs, set_noise_strengths
from loho_bench.training.generator.schedule import Phase, learning_rate, phase_at
from loho_bench.training.generator.train import train_generator
from loho_bench.training.inversion import invert

STEPS = 8


class LatentCode:
    """Stands in for the fitted code, which needs hundreds of portraits: the latents, filled up with zeros."""

    @classmethod
    def fit(cls, dataset):
        return cls()

    def encode(self, dataset) -> torch.Tensor:
        latents = torch.from_numpy(np.array(dataset.latents)).float()
        return F.pad(latents, (0, CODE_SIZE - latents.shape[1]))


@pytest.fixture
def quick(monkeypatch):
    """Few channels, two portraits a step, a side file after every step."""
    narrow = {**module.CONFIG, "n_mlp": 2, "channels": dict.fromkeys(module.CONFIG["channels"], 4)}
    phases = (Phase(32, 0.25, 2, 0.02), Phase(64, 0.25, 2, 0.02), Phase(128, 0.5, 2, 0.02))
    for name, value in {
        "CONFIG": narrow,
        "PHASES": phases,
        "ImageCode": LatentCode,
        "_SAVED_EVERY": 1,
        "held_out_psnr": lambda *args: 20.0,
        "fit_mapping": lambda *args, **kwargs: None,
    }.items():
        monkeypatch.setattr(module, name, value)


def train(portraits, folder, adversarial_steps: int = 0) -> Generator:
    return train_generator(
        portraits,
        portraits,
        small_networks()[1],
        steps=STEPS,
        seed=3,
        checkpoints=Checkpoints(folder),
        adversarial_steps=adversarial_steps,
        dtype=torch.float32,
    )[0]


@pytest.mark.usefixtures("quick")
def test_a_killed_training_ends_like_an_uninterrupted_one(portraits, tmp_path, monkeypatch):
    expected = train(portraits, tmp_path / "whole")
    assert not any(parameter.requires_grad for parameter in expected.parameters())
    loss = module.reconstruction_loss
    # Within the first resolution, at the first step of the third, and within the third.
    for killed_before in (1, 4, 6):
        calls = []

        def dying(image, target, calls=calls, last=killed_before):
            if len(calls) == last:
                raise KeyboardInterrupt
            calls.append(image.shape[-1])
            return loss(image, target)

        with monkeypatch.context() as patch:
            patch.setattr(module, "reconstruction_loss", dying)
            with pytest.raises(KeyboardInterrupt):
                train(portraits, tmp_path / "cut")
        assert calls == [32, 32, 64, 64, 128, 128, 128, 128][:killed_before]
        found = train(portraits, tmp_path / "cut")
        for name, value in expected.state_dict().items():
            assert torch.equal(found.state_dict()[name], value), (killed_before, name)
        for path in (tmp_path / "cut").iterdir():
            path.unlink()


@pytest.mark.usefixtures("quick")
def test_the_adversarial_phase_follows_and_goes_on_after_a_kill(portraits, tmp_path, monkeypatch):
    regression = train(portraits, tmp_path / "regression")
    expected = train(portraits, tmp_path / "whole", adversarial_steps=4)
    assert not torch.equal(regression.input.input, expected.input.input)
    update, calls = module.Adversary.update, []

    def dying(self, real, fake):
        calls.append(len(calls))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return update(self, real, fake)

    with monkeypatch.context() as patch:
        patch.setattr(module.Adversary, "update", dying)
        with pytest.raises(KeyboardInterrupt):
            train(portraits, tmp_path / "cut", adversarial_steps=4)
    found = train(portraits, tmp_path / "cut", adversarial_steps=4)
    for name, value in expected.state_dict().items():
        assert torch.equal(found.state_dict()[name], value), name


def test_the_renderers_noise_goes_into_the_first_convolutions():
    generator = small_networks()[0]
    set_noise_strengths(generator)
    texture = {r: torch.full((2, 1, r, r), float(r)) for r in (32, 64, 128)}
    maps = noise_inputs(generator, texture, torch.Generator().manual_seed(0))
    for position, (level, layer) in enumerate(zip(maps, (generator.conv1, *generator.convs), strict=True)):
        own = position % 2 == 1 and level.shape[-1] in texture
        assert torch.equal(level, texture[level.shape[-1]]) == own if own else level.std() > 0.5
        assert layer.noise.weight.requires_grad != own


def test_a_portrait_of_the_generator_is_found_again():
    generator, features = small_networks()
    with torch.no_grad():
        z = torch.randn(2, generator.style_dim, generator=torch.Generator().manual_seed(4))
        images = generator(generator.repeat(generator.mapping(z))).clamp(-1, 1)
    errors = [
        (invert(generator, features, images, steps, seed=0) - images).square().mean().item()
        for steps in (0, 60)
    ]
    assert errors[1] < 0.35 * errors[0]
    once, again = (invert(generator, features, images, 3, seed=1) for _ in range(2))
    assert torch.equal(once, again)


def test_the_growing_spends_its_shares_and_ends_slowly():
    phases = (Phase(32, 0.25, 2, 1.0), Phase(64, 0.25, 2, 0.5), Phase(128, 0.5, 2, 0.1))
    resolutions = [phase_at(step, 1000, phases).resolution for step in range(1200)]
    assert [resolutions.count(r) for r in (32, 64, 128)] == [250, 250, 700]
    assert resolutions == sorted(resolutions)
    rates = [learning_rate(phases[-1], step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(0.001)
    assert max(rates) == rates[200] == rates[599] == pytest.approx(0.1)
    assert rates[800] == pytest.approx(0.051)
    assert rates[-1] == pytest.approx(0.002, rel=0.01)
