"""Image codes against principal components in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from loho_bench.training.codes import _COMPONENTS, CODE_SIZE, ImageCode
from loho_bench.training.dataset import PortraitDataset

CLASSES = (2, 5, 10, 13)
FITTED = 160


def noise_portraits(count: int, seed: int) -> PortraitDataset:
    """Portraits of coloured noise: their covariance has full rank, as that of thousands of renders has."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    labels = rng.choice((0, *CLASSES), (count, 16, 16), p=(0.4, 0.3, 0.05, 0.05, 0.2)).astype(np.uint8)
    return PortraitDataset(
        images=coarse.repeat(4, axis=1).repeat(4, axis=2),
        labels=labels.repeat(8, axis=1).repeat(8, axis=2),
        landmarks=rng.random((count, 68, 2)).astype(np.float32),
        latents=rng.standard_normal((count, 48)),
        texture_seeds=np.arange(count),
    )


@pytest.fixture(scope="module")
def fitted():
    dataset = noise_portraits(FITTED, 0)
    code = ImageCode.fit(dataset)
    return dataset, code, code.encode(dataset).numpy()


def parts(codes: np.ndarray) -> dict[str, np.ndarray]:
    ends = np.cumsum(list(_COMPONENTS.values()))
    names = [*_COMPONENTS, "detail"]
    return dict(zip(names, np.split(codes, ends, axis=1), strict=True))


def views(dataset: PortraitDataset) -> dict[str, np.ndarray]:
    """What each part describes, in NumPy."""
    count = len(dataset)
    images = dataset.images.transpose(0, 3, 1, 2) / 127.5 - 1
    one_hot = np.stack([dataset.labels == label for label in CLASSES], axis=1)
    return {
        "thumbnail": images.reshape(count, 3, 32, 4, 32, 4).mean((3, 5)).reshape(count, -1),
        "labels": one_hot.reshape(count, 4, 16, 8, 16, 8).mean((3, 5)).reshape(count, -1),
        "landmarks": dataset.landmarks.reshape(count, -1).astype(float),
    }


def test_the_size_is_that_of_the_latent_space(fitted):
    dataset, _, codes = fitted
    assert codes.shape == (len(dataset), CODE_SIZE) == (FITTED, 128)


def test_codes_of_the_fitted_portraits_are_white(fitted):
    _, _, codes = fitted
    np.testing.assert_allclose(codes[:, :112].mean(0), 0, atol=1e-3)
    for name, part in parts(codes).items():
        if name != "detail":
            covariance = part.T @ part / len(part)
            np.testing.assert_allclose(covariance, np.eye(part.shape[1]), atol=0.02, err_msg=name)


def test_real_portraits_are_white_where_they_vary(portraits):
    """40 portraits span 39 dimensions: the landmarks' 16 components can be checked."""
    part = parts(ImageCode.fit(portraits).encode(portraits).numpy())["landmarks"]
    np.testing.assert_allclose(part.mean(0), 0, atol=1e-2)
    np.testing.assert_allclose(part.T @ part / len(part), np.eye(16), atol=0.02)


def test_the_leading_components_are_those_of_numpy(portraits):
    code = ImageCode.fit(portraits)
    found = parts(code.encode(portraits).numpy())
    for name, data in views(portraits).items():
        left, singular, _ = np.linalg.svd(data - data.mean(0), full_matrices=False)
        expected = left * len(data) ** 0.5
        separate = 3 if name != "landmarks" else 4
        for k in range(separate):
            cosine = abs(found[name][:, k] @ expected[:, k]) / len(data)
            assert cosine > 0.999, (name, k)
        np.testing.assert_allclose(code.parts[name][2][:5], singular[:5] / len(data) ** 0.5, rtol=1e-3)


def test_fine_attributes_are_handed_through(fitted):
    dataset, _, codes = fitted
    detail = parts(codes)["detail"]
    assert detail.shape[1] == 16
    distances = np.abs(detail[:, :, None] - dataset.latents[:, None, :]).max(axis=0)
    source = distances.argmin(axis=1)
    assert distances.min(axis=1).max() < 1e-6
    assert len(set(source)) == 16


def test_other_portraits_are_coded_with_the_fitted_directions(fitted):
    dataset, code, codes = fitted
    both = noise_portraits(3, 1)
    few = {name: getattr(dataset, name)[10:13] for name in vars(dataset)}
    np.testing.assert_allclose(code.encode(PortraitDataset(**few)), codes[10:13], atol=1e-4)
    assert np.abs(code.encode(both).numpy() - codes[:3]).max() > 0.5


def test_the_same_portraits_give_the_same_code_and_disturb_no_draws(portraits):
    torch.manual_seed(1)
    first = ImageCode.fit(portraits).encode(portraits)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.rand(1) == drawn
    torch.manual_seed(99)
    assert torch.equal(ImageCode.fit(portraits).encode(portraits), first)
