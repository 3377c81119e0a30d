"""Properties of the StyleGAN2 generator that need no reference: derivatives, batches, levels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from loho_bench.errors import UserError
from loho_bench.networks.stylegan2 import Generator


def small(**options) -> Generator:
    """A generator small enough for finite differences, with noise and biases switched on."""
    torch.manual_seed(3)
    generator = Generator(16, 6, 2, {4: 5, 8: 4, 16: 3}, **options)
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith(("noise.weight", "activate.bias")):
                parameter.normal_(0, 0.5)
    return generator.requires_grad_(False)


def test_gradients_are_those_of_finite_differences():
    generator = small(compute_dtype=torch.float64).double()
    torch.manual_seed(5)
    wplus = torch.randn(2, generator.num_latents, 6, dtype=torch.float64, requires_grad=True)
    noise = [torch.randn(2, 1, r, r, dtype=torch.float64, requires_grad=True) for r in generator.noise_shapes]
    weight = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda w, *maps: (generator(w, maps) * weight).sum(),
        (wplus, *noise),
        eps=1e-7,
        atol=1e-5,
        fast_mode=True,
    )


def test_a_batch_gives_what_its_members_give_alone():
    generator = small()
    torch.manual_seed(6)
    wplus = torch.randn(3, generator.num_latents, 6)
    noise = [torch.randn(3, 1, r, r) for r in generator.noise_shapes]
    batch = generator(wplus, noise)
    for i in range(3):
        alone = generator(wplus[i : i + 1], [m[i : i + 1] for m in noise])
        torch.testing.assert_close(batch[i : i + 1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("resolution", [4, 8, 16])
def test_a_lower_resolution_is_the_generator_without_its_upper_levels(resolution):
    generator = small()
    wplus = torch.randn(2, generator.num_latents, 6)
    image = generator.synthesis(wplus, resolution=resolution)
    assert image.shape == (2, 3, resolution, resolution)
    if resolution == 4:
        return
    blocks = {8: 1, 16: 2}[resolution]
    kept = {}
    for key, value in generator.state_dict().items():
        part, _, rest = key.partition(".")
        limit = {"convs": 2 * blocks, "to_rgbs": blocks}.get(part)
        index = int(rest.split(".")[0]) if limit else -1
        if part == "noises":
            limit, index = 2 * blocks + 1, int(rest.removeprefix("noise_"))
        if limit is None or index < limit:
            kept[key] = value
    lower = Generator.from_state_dict(kept)
    assert lower.size == resolution
    torch.testing.assert_close(image, lower(wplus[:, : lower.num_latents]))


def test_fresh_weights_follow_the_published_initialisation():
    torch.manual_seed(0)
    generator = Generator(16, 64, 2, {4: 64, 8: 64, 16: 64}, affine_gain=0.15)
    state = generator.state_dict()
    assert float(state["convs.1.conv.modulation.weight"].std()) == pytest.approx(0.15, rel=0.05)
    assert torch.all(state["convs.1.conv.modulation.bias"] == 1)
    assert float(state["convs.1.conv.weight"].std()) == pytest.approx(1, rel=0.05)
    assert float(state["style.1.weight"].std()) == pytest.approx(100, rel=0.05)
    assert all(torch.all(v == 0) for k, v in state.items() if k.endswith(("noise.weight", "activate.bias")))
    # Unit weights, demodulation and the gain of the activation keep the features' second moment near one.
    hidden = generator.conv1(torch.randn(64, 64, 4, 4), torch.randn(64, 64), torch.zeros(1, 1, 4, 4))
    assert float(hidden.detach()[:, :, 1:3, 1:3].square().mean()) == pytest.approx(1, rel=0.15)


def test_without_modulation_weights_the_latents_do_not_matter():
    generator = small(affine_gain=0.0)
    image = generator(torch.randn(2, generator.num_latents, 6))
    torch.testing.assert_close(image[0], image[1])
    assert float(image.std()) > 0.1


def test_a_clamp_bounds_every_map_and_every_rgb_layer():
    generator = small()
    torch.manual_seed(7)
    wplus = torch.randn(2, generator.num_latents, 6)
    maps, layers = [], [generator.conv1, *generator.convs]
    hooks = [layer.register_forward_hook(lambda _, __, y: maps.append(y)) for layer in layers]
    free = generator(wplus)
    largest = max(float(y.abs().max()) for y in maps)
    for hook in hooks:
        hook.remove()

    def bound(clamp: float) -> Generator:
        other = small(conv_clamp=clamp)
        other.load_state_dict(generator.state_dict())
        return other

    assert torch.equal(bound(10 * largest)(wplus), free)
    # One level: nothing but its own RGB layer after its own convolution, so that both can be done by hand.
    clamp = 0.3
    features = generator.conv1(
        generator.input.input.expand(2, -1, -1, -1), wplus[:, 0], generator.noises.noise_0
    )
    by_hand = generator.to_rgb1(features.clamp(-clamp, clamp), wplus[:, 1]).clamp(-clamp, clamp)
    image = bound(clamp).synthesis(wplus, resolution=4)
    torch.testing.assert_close(image, by_hand)
    assert float((image.abs() == clamp).float().mean()) > 0.05
    # Three levels of RGB, each within the clamp before it is added to the doubled image below.
    assert float(bound(clamp)(wplus).abs().max()) <= 3 * clamp + 1e-5
    assert float((bound(clamp)(wplus) - free).abs().max()) > clamp


def test_no_gradient_passes_a_clamp():
    generator = small(conv_clamp=1e-3)
    wplus = torch.randn(1, generator.num_latents, 6, requires_grad=True)
    image = generator.synthesis(wplus, resolution=4)
    inside = image.detach().abs() < 1e-3
    (gradient,) = torch.autograd.grad(image[~inside].sum(), wplus)
    assert bool((~inside).any())
    assert torch.all(gradient == 0)


def test_latent_statistics_are_moments_of_mapped_draws():
    generator = small()
    mean, deviation_ = generator.latent_statistics(500, seed=11)
    z = torch.randn(500, 6, generator=torch.Generator().manual_seed(11))
    w = generator.mapping(z).numpy().astype(np.float64)
    np.testing.assert_allclose(mean, w.mean(axis=0), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(deviation_, np.sqrt(w.var(axis=0).sum()), rtol=1e-4)
    assert not torch.equal(generator.latent_statistics(500, seed=12)[0], mean)


def test_trainable_weights_all_get_a_gradient():
    generator = small().requires_grad_(True)
    w = generator.mapping(torch.randn(2, 6))
    generator(generator.repeat(w)).square().sum().backward()
    assert all(p.grad is not None and torch.any(p.grad != 0) for p in generator.parameters())


def test_foreign_tensors_are_refused_with_a_reason():
    state = small().state_dict()
    del state["convs.1.noise.weight"]
    with pytest.raises(UserError, match=r"convs\.1\.noise\.weight"):
        Generator.from_state_dict(state)
    with pytest.raises(UserError, match="g_ema"):
        Generator.from_state_dict({"g_ema": torch.zeros(1)})


def test_wrong_arguments_are_refused():
    generator = small()
    good = torch.zeros(1, generator.num_latents, 6)
    with pytest.raises(ValueError, match="power of two"):
        Generator(48, 6, 2, {4: 5})
    with pytest.raises(ValueError, match="resolution"):
        generator.synthesis(good, resolution=32)
    with pytest.raises(ValueError, match="wplus"):
        generator.synthesis(good[:, 1:])
    with pytest.raises(ValueError, match="noise maps"):
        generator.synthesis(good, noise=generator.constant_noise()[1:])
