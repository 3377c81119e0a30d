"""The generator's training, cut down to seconds: going on after a kill, the mapping network, inversion."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_networks import small_networks
from torch.nn import functional as F

from loho_bench.networks.stylegan2 import Generator
from loho_bench.training import generator as module
from loho_bench.training.checkpoints import Checkpoints
from loho_bench.training.codes import CODE_SIZE
from loho_bench.training.generator import Phase, fit_mapping, train_generator
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
        "_held_out_psnr": lambda *args: 20.0,
        "fit_mapping": lambda *args, **kwargs: None,
    }.items():
        monkeypatch.setattr(module, name, value)


def train(portraits, folder) -> Generator:
    return train_generator(
        portraits,
        portraits,
        lambda: small_networks()[1],
        steps=STEPS,
        seed=3,
        checkpoints=Checkpoints(folder),
        dtype=torch.float32,
    )[0]


@pytest.mark.usefixtures("quick")
def test_a_killed_training_ends_like_an_uninterrupted_one(portraits, tmp_path, monkeypatch):
    expected = train(portraits, tmp_path / "whole")
    assert not any(parameter.requires_grad for parameter in expected.parameters())
    loss = module._reconstruction
    # Within the first resolution, at the first step of the third, and within the third.
    for killed_before in (1, 4, 6):
        calls = []

        def dying(image, target, calls=calls, last=killed_before):
            if len(calls) == last:
                raise KeyboardInterrupt
            calls.append(image.shape[-1])
            return loss(image, target)

        with monkeypatch.context() as patch:
            patch.setattr(module, "_reconstruction", dying)
            with pytest.raises(KeyboardInterrupt):
                train(portraits, tmp_path / "cut")
        assert calls == [32, 32, 64, 64, 128, 128, 128, 128][:killed_before]
        found = train(portraits, tmp_path / "cut")
        for name, value in expected.state_dict().items():
            assert torch.equal(found.state_dict()[name], value), (killed_before, name)
        for path in (tmp_path / "cut").iterdir():
            path.unlink()


def test_the_mapping_network_leads_from_latents_to_codes():
    torch.manual_seed(0)
    generator = Generator(8, CODE_SIZE, 2, {4: 2, 8: 2})
    latents = torch.randn(400, 48)
    codes = latents @ torch.randn(48, CODE_SIZE) / 48**0.5
    # The components of z beyond the latents are free.
    z = torch.cat([latents, torch.randn(400, CODE_SIZE - 48)], dim=1)
    before = (generator.mapping(z) - codes).square().mean().item()
    fit_mapping(generator, latents, codes, seed=0, steps=1500)
    error = (generator.mapping(z) - codes).square().mean().item()
    assert error < 0.3 * before
    assert error < 0.6 * codes.var()
    assert not any(parameter.requires_grad for parameter in generator.style.parameters())


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
