"""PSNR, SSIM and LPIPS against scikit-image and known cases."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from loho_bench.metrics.lpips_distance import lpips_distance
from loho_bench.metrics.psnr import psnr
from loho_bench.metrics.ssim import ssim
from loho_bench.networks.lpips import Lpips, LpipsHeads
from loho_bench.networks.vgg import Vgg16


def image_pair(seed, height=24, width=31, noise=20):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    second = np.clip(first + rng.normal(0, noise, first.shape), 0, 255).astype(np.uint8)
    return first, second


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(11, 40),
    width=st.integers(11, 40),
    noise=st.floats(0.5, 90),
)
def test_agrees_with_scikit_image(seed, height, width, noise):
    first, second = image_pair(seed, height, width, noise)
    expected = structural_similarity(first, second, channel_axis=2, data_range=255)
    assert ssim(first, second) == pytest.approx(expected, abs=1e-10)
    expected = structural_similarity(
        first,
        second,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(first, second, "gaussian") == pytest.approx(expected, abs=1e-10)
    if np.any(first != second):
        assert psnr(first, second) == pytest.approx(peak_signal_noise_ratio(first, second, data_range=255))


def test_known_values():
    black, white = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)
    assert psnr(black, white) == 0
    assert psnr(black, black + np.uint8(1)) == pytest.approx(20 * np.log10(255))
    assert psnr(white, white) == float("inf")
    assert ssim(white, white) == 1
    assert ssim(black, white) == pytest.approx(6.5025 / (255**2 + 6.5025))  # only C1 is left


@pytest.mark.parametrize("score", [psnr, ssim])
def test_other_ranges_and_shapes_are_refused(score):
    first, second = image_pair(0)
    assert score(first, second) == pytest.approx(score(second, first), rel=1e-12)
    with pytest.raises(ValueError, match="expected uint8"):
        score(first / 255, second / 255)
    with pytest.raises(ValueError, match="different shapes"):
        score(first, second[:-1])
    with pytest.raises(ValueError, match="expected uint8"):
        score(first[..., 0], second[..., 0])


def test_image_smaller_than_the_window_is_refused():
    first, second = image_pair(0, 9, 9)
    assert ssim(first, second) < 1
    with pytest.raises(ValueError, match="11x11"):
        ssim(first, second, "gaussian")


@pytest.fixture(scope="module")
def lpips():
    torch.manual_seed(0)
    widths = (4, 4, 5, 6, 6)
    network = Lpips(Vgg16(widths), LpipsHeads(widths))
    with torch.no_grad():
        for parameter in network.heads.parameters():
            parameter.uniform_(0.1, 1)
    return network.eval()


def test_lpips_is_a_distance_of_each_pair(lpips):
    torch.manual_seed(1)
    first, second = torch.rand(3, 3, 32, 32) * 2 - 1, torch.rand(3, 3, 32, 32) * 2 - 1
    distance = lpips_distance(lpips, first, second)
    assert distance.shape == (3,)
    assert (distance > 1e-3).all()
    torch.testing.assert_close(lpips_distance(lpips, second, first), distance)
    torch.testing.assert_close(lpips_distance(lpips, first, first), torch.zeros(3))
    torch.testing.assert_close(lpips_distance(lpips, first[1:2], second[1:2]), distance[1:2])
    assert not distance.requires_grad


def test_lpips_follows_its_formula_and_its_mask(lpips):
    torch.manual_seed(2)
    first, second = torch.rand(1, 3, 32, 32) * 2 - 1, torch.rand(1, 3, 32, 32) * 2 - 1
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., :16] = 1
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    names = ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"]
    left = [lpips.vgg((x - shift) / scale, names) for x in (first, second)]
    whole_frame, left_half = 0.0, 0.0
    for (_, head), name in zip(sorted(lpips.heads.state_dict().items()), names, strict=True):
        a, b = (maps[name] / (maps[name].norm(dim=1, keepdim=True) + 1e-10) for maps in left)
        weighted = ((a - b).square() * head).sum(1)
        whole_frame += weighted.mean().item()
        left_half += weighted[..., : weighted.shape[-1] // 2].mean().item()
    assert lpips_distance(lpips, first, second).item() == pytest.approx(whole_frame, rel=1e-4)
    assert lpips_distance(lpips, first, second, mask).item() == pytest.approx(left_half, rel=1e-4)
