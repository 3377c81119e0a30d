"""Image codes against principal components in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from loho_bench.training.dataset import PortraitDataset
from loho_bench.training.generator import codes as module
from loho_bench.training.generator.codes import CODE_SIZE, ImageCode

CLASSES = (2, 5, 10, 13)
# So few that 40 portraits determine them.
COMPONENTS = {"thumbnail": 12, "labels": 8, "landmarks": 6}


@pytest.fixture
def few_components(monkeypatch):
    monkeypatch.setattr(module, "_COMPONENTS", COMPONENTS)


def fit(dataset: PortraitDataset) -> tuple[ImageCode, dict[str, np.ndarray]]:
    """The code, and its parts of the portraits it was fitted on."""
    code = ImageCode.fit(dataset)
    ends = np.cumsum(list(COMPONENTS.values()))
    split = np.split(code.encode(dataset).numpy(), ends, axis=1)
    return code, dict(zip([*COMPONENTS, "detail"], split, strict=True))


def views(dataset: PortraitDataset) -> dict[str, np.ndarray]:
    """What each part describes, in NumPy."""
    count = len(dataset)
    images = dataset.images.transpose(0, 3, 1, 2) / 127.5 - 1
    one_hot = np.stack([dataset.labels == label for label in CLASSES], axis=1)
    return {
        "thumbnail": images.reshape(count, 3, 32, 4, 32, 4).mean((3, 5)).reshape(count, -1),
        "labels": one_hot.reshape(count, 4, 32, 4, 32, 4).mean((3, 5)).reshape(count, -1),
        "landmarks": dataset.landmarks.reshape(count, -1).astype(float),
    }


def test_the_parts_make_up_the_latent_space():
    assert sum(module._COMPONENTS.values()) + 32 == CODE_SIZE == 192


@pytest.mark.usefixtures("few_components")
def test_codes_of_the_fitted_portraits_are_white(portraits):
    _, parts = fit(portraits)
    for name, components in COMPONENTS.items():
        part = parts[name].astype(float)
        assert part.shape == (len(portraits), components)
        np.testing.assert_allclose(part.mean(0), 0, atol=5e-3)
        covariance = part.T @ part / len(part)
        np.testing.assert_allclose(covariance, np.eye(components), atol=0.03, err_msg=name)


@pytest.mark.usefixtures("few_components")
def test_the_leading_components_are_those_of_numpy(portraits):
    code, parts = fit(portraits)
    for name, data in views(portraits).items():
        left, singular, _ = np.linalg.svd(data - data.mean(0), full_matrices=False)
        for k in range(3):
            cosine = abs(parts[name][:, k] @ left[:, k]) / len(data) ** 0.5
            assert cosine > 0.99, (name, k)
        np.testing.assert_allclose(code.parts[name][2][:3], singular[:3] / len(data) ** 0.5, rtol=1e-2)


@pytest.mark.usefixtures("few_components")
def test_fine_attributes_are_handed_through(portraits):
    detail = fit(portraits)[1]["detail"]
    assert detail.shape[1] == 32
    distances = np.abs(detail[:, :, None] - portraits.latents[:, None, :]).max(axis=0)
    assert distances.min(axis=1).max() < 1e-6
    assert len(set(distances.argmin(axis=1))) == 32


@pytest.mark.usefixtures("few_components")
def test_a_portrait_has_one_code_whatever_its_company(portraits, monkeypatch):
    code = ImageCode.fit(portraits)
    whole = code.encode(portraits)
    few = PortraitDataset(**{name: values[10:13] for name, values in vars(portraits).items()})
    torch.testing.assert_close(code.encode(few), whole[10:13], atol=1e-3, rtol=1e-3)
    monkeypatch.setattr(module, "_CHUNK", 7)
    torch.testing.assert_close(code.encode(portraits), whole, atol=1e-3, rtol=1e-3)


@pytest.mark.usefixtures("few_components")
def test_fitting_repeats_and_disturbs_no_draws(portraits):
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first = ImageCode.fit(portraits).encode(portraits)
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(ImageCode.fit(portraits).encode(portraits), first)
