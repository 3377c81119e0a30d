"""LPIPS and VGG-16 against a plain NumPy derivation, and their own properties; no reference data needed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import correlate
from torch import Tensor

from loho_bench.errors import UserError
from loho_bench.networks.lpips import BLOCKS, Lpips, LpipsHeads, scale_input, unit_normalize
from loho_bench.networks.vgg import LAYERS, Vgg16


def small_lpips() -> Lpips:
    """Narrow random network with random non-negative heads."""
    torch.manual_seed(1)
    widths = (4, 5, 6, 7, 8)
    vgg, heads = Vgg16(widths), LpipsHeads(widths)
    with torch.no_grad():
        for conv in vgg.features.values():
            conv.weight.mul_(2.0)
            conv.bias.normal_(0, 0.2)
        for parameter in heads.parameters():
            parameter.uniform_(0, 1)
    return Lpips(vgg, heads).requires_grad_(False)


def images(count: int, size: int = 32, seed: int = 2) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def soft_masks(count: int, size: int = 32) -> Tensor:
    """Fractional masks of different areas."""
    masks = torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(4))
    return masks * (masks > torch.linspace(0.2, 0.7, count)[:, None, None, None])


def numpy_maps(vgg: Vgg16, x: np.ndarray) -> list[np.ndarray]:
    """The last activation of each block for one image [3, H, W], in float64 and with SciPy's correlation."""
    shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    x = (x - shift[:, None, None]) / scale[:, None, None]
    state = {key: value.double().numpy() for key, value in vgg.state_dict().items()}
    maps, index = [], 0
    for block, depth in enumerate((2, 2, 3, 3, 3)):
        if block:
            c, h, w = x.shape
            x = x.reshape(c, h // 2, 2, w // 2, 2).max(axis=(2, 4))
            index += 1
        for _ in range(depth):
            kernels, bias = state[f"features.{index}.weight"], state[f"features.{index}.bias"]
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
            x = np.stack([correlate(padded, k, mode="valid")[0] for k in kernels]) + bias[:, None, None]
            x = np.maximum(x, 0)
            index += 2
        maps.append(x)
    return maps


@pytest.mark.parametrize(("masked", "blocks"), [(False, BLOCKS), (True, BLOCKS), (True, (4, 5))])
def test_distance_against_a_plain_derivation(masked, blocks):
    lpips = small_lpips()
    x, y, mask = images(1, seed=5), images(1, seed=6), soft_masks(1)
    actual = lpips.distance(lpips.features(x), lpips.features(y), mask if masked else None, blocks)
    expected = 0.0
    pairs = zip(*(numpy_maps(lpips.vgg, image[0].double().numpy()) for image in (x, y)), strict=True)
    for block, (a, b) in enumerate(pairs, start=1):
        if block not in blocks:
            continue
        a, b = (f / (np.sqrt((f**2).sum(axis=0)) + 1e-10) for f in (a, b))
        head = lpips.heads.weights(block).double().numpy().reshape(-1, 1, 1)
        difference = (head * (a - b) ** 2).sum(axis=0)
        step = 2 ** (block - 1)
        weight = mask[0, 0, ::step, ::step].double().numpy() if masked else np.ones_like(difference)
        expected += (weight * difference).sum() / weight.sum()
    assert expected > 0.01
    np.testing.assert_allclose(actual.numpy(), [expected], rtol=1e-4)


def test_a_full_mask_is_no_mask_and_its_height_does_not_matter():
    lpips = small_lpips()
    fx, fy = lpips.features(images(2, seed=7)), lpips.features(images(2, seed=8))
    plain = lpips.distance(fx, fy)
    for height in (1.0, 0.3):
        torch.testing.assert_close(lpips.distance(fx, fy, torch.full((2, 1, 32, 32), height)), plain)
    masks = soft_masks(2)
    torch.testing.assert_close(lpips.distance(fx, fy, 0.5 * masks), lpips.distance(fx, fy, masks))
    assert not torch.allclose(lpips.distance(fx, fy, masks), plain, rtol=1e-3)


def test_a_batch_gives_what_its_members_give_alone():
    lpips = small_lpips()
    x, y, masks = images(2, seed=9), images(2, seed=10), soft_masks(2)
    together = lpips.distance(lpips.features(x), lpips.features(y), masks)
    assert together.shape == (2,)
    for i in range(2):
        one = slice(i, i + 1)
        alone = lpips.distance(lpips.features(x[one]), lpips.features(y[one]), masks[one])
        torch.testing.assert_close(together[one], alone)


def test_equal_images_are_at_distance_zero_and_the_order_does_not_matter():
    lpips = small_lpips()
    fx, fy = lpips.features(images(2, seed=11)), lpips.features(images(2, seed=12))
    assert torch.all(lpips.distance(fx, fx) == 0)
    torch.testing.assert_close(lpips.distance(fx, fy), lpips.distance(fy, fx))


def test_an_empty_mask_gives_zero_with_zero_gradient_and_leaves_the_others_alone():
    lpips = small_lpips()
    x, y, masks = images(2, seed=13).requires_grad_(), images(2, seed=14), soft_masks(2)
    masks[0] = 0
    value = lpips.distance(lpips.features(x), lpips.features(y), masks)
    (gradient,) = torch.autograd.grad(value.sum(), x)
    assert value[0] == 0
    assert value[1] > 0
    assert torch.all(gradient[0] == 0)
    assert torch.isfinite(gradient).all()
    assert torch.any(gradient[1] != 0)


def test_a_silent_pixel_has_finite_features_and_gradients():
    features = torch.zeros(1, 3, 2, 2)
    features[0, :, 0, 0] = torch.tensor([3.0, 0.0, 4.0])
    features.requires_grad_()
    unit = unit_normalize(features)
    torch.testing.assert_close(unit[0, :, 0, 0], torch.tensor([0.6, 0.0, 0.8]))
    assert torch.all(unit[0, :, 1, 1] == 0)
    (gradient,) = torch.autograd.grad((unit - 1).square().sum(), features)
    assert torch.isfinite(gradient).all()


def test_inputs_are_scaled_as_published():
    x = torch.tensor([-0.030, -0.088, -0.188]).reshape(1, 3, 1, 1)
    torch.testing.assert_close(scale_input(x), torch.zeros(1, 3, 1, 1))
    step = scale_input(x + 1) - scale_input(x)
    torch.testing.assert_close(1 / step.flatten(), torch.tensor([0.458, 0.448, 0.450]))


def test_vgg_stops_at_the_deepest_layer_asked_for():
    vgg = small_lpips().vgg
    tiny = images(1, size=4)  # too small for the fourth pooling
    assert list(vgg(tiny, ["relu3_3", "relu1_1"])) == ["relu1_1", "relu3_3"]
    with pytest.raises(RuntimeError):
        vgg(tiny, ["relu4_1"])


def test_vgg_layers_do_not_depend_on_what_else_is_asked_for():
    vgg, x = small_lpips().vgg, images(1)
    everything = vgg(x, list(LAYERS))
    for name, value in everything.items():
        assert torch.equal(vgg(x, [name])[name], value)
        assert float(value.min()) >= 0


def test_bfloat16_follows_float32():
    vgg, x = small_lpips().vgg, images(2)
    exact = vgg(x, ["relu5_3"])["relu5_3"]
    vgg.compute_dtype = torch.bfloat16
    rough = vgg(x, ["relu5_3"])["relu5_3"]
    assert rough.dtype == torch.float32
    assert 1e-5 < float((rough - exact).norm() / exact.norm()) < 0.03


def test_state_dicts_give_back_the_same_network():
    lpips, x, y = small_lpips(), images(1, seed=15), images(1, seed=16)
    classifier = {"classifier.0.weight": torch.zeros(2, 2)}
    vgg = Vgg16.from_state_dict(lpips.vgg.state_dict() | classifier)
    again = Lpips(vgg, LpipsHeads.from_state_dict(lpips.heads.state_dict()))
    assert vgg.widths == (4, 5, 6, 7, 8)
    assert not any(p.requires_grad for p in again.parameters())
    expected = lpips.distance(lpips.features(x), lpips.features(y))
    assert torch.equal(again.distance(again.features(x), again.features(y)), expected)


def test_foreign_tensors_and_names_are_refused():
    lpips = small_lpips()
    state = lpips.vgg.state_dict()
    del state["features.28.bias"]
    with pytest.raises(UserError, match=r"features\.28\.bias"):
        Vgg16.from_state_dict(state)
    with pytest.raises(UserError, match="lin0"):
        LpipsHeads.from_state_dict({})
    with pytest.raises(ValueError, match="relu6_1"):
        lpips.vgg(images(1), ["relu6_1"])
    features = lpips.features(images(1))
    for blocks in ((), (0, 1), ("1",)):
        with pytest.raises(ValueError, match="blocks"):
            lpips.distance(features, features, blocks=blocks)
