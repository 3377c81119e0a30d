"""The StyleGAN2 discriminator against its published layout, SciPy's correlation and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from loho_bench.errors import UserError
from loho_bench.networks.stylegan2.discriminator import Discriminator, ResidualBlock, minibatch_deviation

CHANNELS = {4: 6, 8: 5, 16: 4, 32: 3, 64: 2, 128: 2}


def small(size: int = 8, **options) -> Discriminator:
    """A narrow discriminator with its biases switched on."""
    torch.manual_seed(3)
    discriminator = Discriminator(size, CHANNELS, **options)
    with torch.no_grad():
        for name, parameter in discriminator.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.5)
    return discriminator


@pytest.mark.parametrize(("size", "count"), [(8, 1), (16, 6), (128, 4)])
def test_every_image_gets_one_logit(size, count):
    discriminator = small(size)
    logits = discriminator(torch.randn(count, 3, size, size))
    assert logits.shape == (count, 1)
    assert logits.dtype == torch.float32
    logits.square().sum().backward()
    assert all(torch.any(p.grad != 0) for p in discriminator.parameters())


def test_tensors_are_named_and_shaped_as_published():
    block = {
        "conv1.0.weight": lambda i, o: (i, i, 3, 3),
        "conv1.1.bias": lambda i, o: (i,),
        "conv2.0.kernel": lambda i, o: (4, 4),
        "conv2.1.weight": lambda i, o: (o, i, 3, 3),
        "conv2.2.bias": lambda i, o: (o,),
        "skip.0.kernel": lambda i, o: (4, 4),
        "skip.1.weight": lambda i, o: (o, i, 1, 1),
    }
    expected = {"convs.0.0.weight": (4, 3, 1, 1), "convs.0.1.bias": (4,)}
    for b, (i, o) in enumerate([(4, 5), (5, 6)], start=1):
        expected |= {f"convs.{b}.{name}": shape(i, o) for name, shape in block.items()}
    expected |= {
        "final_conv.0.weight": (6, 7, 3, 3),
        "final_conv.1.bias": (6,),
        "final_linear.0.weight": (6, 96),
        "final_linear.0.bias": (6,),
        "final_linear.1.weight": (1, 6),
        "final_linear.1.bias": (1,),
    }
    assert {name: tuple(value.shape) for name, value in small(16).state_dict().items()} == expected


def correlate(x: np.ndarray, weight: np.ndarray, padding: int, stride: int) -> np.ndarray:
    """x [C, H, W] with weight [O, C, k, k], sum over C."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    maps = [sum(correlate2d(c, w, "valid") for c, w in zip(x, out, strict=True)) for out in weight]
    return np.stack(maps)[:, ::stride, ::stride]


def activated(x: np.ndarray, bias: np.ndarray) -> np.ndarray:
    x = x + bias[:, None, None]
    return np.where(x > 0, x, 0.2 * x) * np.sqrt(2)


def test_a_residual_block_is_the_published_formula():
    torch.manual_seed(1)
    block = ResidualBlock(3, 2).double()
    for layer in (block.conv1[1], block.conv2[2]):
        torch.nn.init.normal_(layer.bias)
    state = {name: value.numpy() for name, value in block.state_dict().items()}
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    taps = np.array([1, 3, 3, 1]) / 8
    kernel = np.outer(taps, taps)
    np.testing.assert_allclose(state["conv2.0.kernel"], kernel)

    def blurred(y: np.ndarray, padding: int) -> np.ndarray:
        return np.concatenate([correlate(c[None], kernel[None, None], padding, 1) for c in y])

    for image, found in zip(x.numpy(), block(x).detach().numpy(), strict=True):
        hidden = activated(
            correlate(image, state["conv1.0.weight"] / np.sqrt(27), 1, 1), state["conv1.1.bias"]
        )
        hidden = correlate(blurred(hidden, 2), state["conv2.1.weight"] / np.sqrt(27), 0, 2)
        skip = correlate(blurred(image, 1), state["skip.1.weight"] / np.sqrt(3), 0, 2)
        expected = (activated(hidden, state["conv2.2.bias"]) + skip) / np.sqrt(2)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("count", "group"), [(8, 4), (12, 4), (6, 3), (5, 1)])
def test_the_deviation_is_over_the_published_groups(count, group):
    x = np.random.default_rng(0).normal(size=(count, 3, 4, 4))
    found = minibatch_deviation(torch.from_numpy(x))
    assert found.shape == (count, 1, 4, 4)
    for n in range(count):
        members = x[n % (count // group) :: count // group]
        expected = np.sqrt(members.var(axis=0) + 1e-8).mean()
        np.testing.assert_allclose(found[n], np.full((1, 4, 4), expected), rtol=1e-6)


def test_the_logit_after_the_blocks_is_the_published_formula():
    discriminator = small().double()
    discriminator.compute_dtype = torch.float64
    state = {name: value.numpy() for name, value in discriminator.state_dict().items()}
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    maps = discriminator.convs(x).detach()
    maps = torch.cat([maps, minibatch_deviation(maps)], dim=1).numpy()
    for image, found in zip(maps, discriminator(x).detach().numpy(), strict=True):
        y = correlate(image, state["final_conv.0.weight"] / np.sqrt(63), 1, 1)
        y = activated(y, state["final_conv.1.bias"]).reshape(-1)
        y = state["final_linear.0.weight"] / np.sqrt(96) @ y + state["final_linear.0.bias"]
        y = np.where(y > 0, y, 0.2 * y) * np.sqrt(2)
        y = state["final_linear.1.weight"] / np.sqrt(6) @ y + state["final_linear.1.bias"]
        np.testing.assert_allclose(found, y, rtol=1e-9)


def test_first_and_second_derivatives_are_those_of_finite_differences():
    discriminator = small().double()
    discriminator.compute_dtype = torch.float64
    torch.manual_seed(5)
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    weights = [discriminator.convs[0][0].weight, discriminator.convs[1].conv2[1].weight]

    def logits(images, *_):
        return discriminator(images)

    assert torch.autograd.gradcheck(logits, (x, *weights), eps=1e-7, atol=1e-5, fast_mode=True)
    assert torch.autograd.gradgradcheck(logits, (x, *weights), eps=1e-7, atol=1e-5, fast_mode=True)


def test_low_precision_stays_near_and_can_be_left_for_one_call():
    images = torch.randn(4, 3, 16, 16)
    exact, rough = small(16), small(16, compute_dtype=torch.bfloat16)
    with torch.no_grad():
        expected, found = exact(images), rough(images)
        assert found.dtype == torch.float32
        assert not torch.equal(found, expected)
        torch.testing.assert_close(found, expected, rtol=0.1, atol=0.05)
        assert torch.equal(rough(images, dtype=torch.float32), expected)


def test_a_state_dict_tells_every_size():
    original = small(16)
    found = Discriminator.from_state_dict(original.state_dict())
    images = torch.randn(4, 3, 16, 16)
    assert found.size == 16
    assert torch.equal(found(images), original(images))
    state = original.state_dict()
    del state["convs.2.skip.0.kernel"]
    with pytest.raises(UserError, match=r"convs\.2\.skip\.0\.kernel"):
        Discriminator.from_state_dict(state)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="power of two"):
        Discriminator(24, CHANNELS)
    with pytest.raises(ValueError, match="images must be"):
        small(16)(torch.zeros(1, 3, 32, 32))
