"""Training portraits: whole folders or none, renders of their latents, batches that can be resumed."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import torch

from loho_bench.portraits.synthetic import from_latent, noise_maps, render
from loho_bench.portraits.synthetic.version import renderer_hash
from loho_bench.provenance import derive_seed
from loho_bench.training import dataset as module
from loho_bench.training.dataset import PortraitDataset, random_batches, render_dataset

COUNT = 12


class _HerePool:
    """Renders in this process; stands in for the pool where processes are not what is tested."""

    def __init__(self, *args, **kwargs) -> None:
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        pass

    map = staticmethod(map)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """A folder that one other process rendered, in blocks of five."""
    folder = tmp_path_factory.mktemp("training") / "portraits"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", 5)
        return folder, render_dataset(folder, COUNT, seed=3, workers=1)


def test_every_portrait_is_the_render_of_its_latent(rendered):
    _, dataset = rendered
    assert len(dataset) == COUNT
    for i in (0, 4, 5, COUNT - 1):
        seed = int(dataset.texture_seeds[i])
        assert seed == derive_seed("training portrait", 3, i)
        again = render(from_latent(dataset.latents[i], texture_seed=seed), 128)
        np.testing.assert_array_equal(dataset.images[i], again.image)
        np.testing.assert_array_equal(dataset.labels[i], again.labels)
        np.testing.assert_array_equal(dataset.landmarks[i], again.landmarks)
    assert len(np.unique(dataset.texture_seeds)) == COUNT
    assert len(np.unique(dataset.latents[:, 0])) == COUNT


def test_the_folder_is_complete_and_says_what_it_is(rendered):
    folder, dataset = rendered
    said = json.loads((folder / "dataset.json").read_text())
    assert said == {"count": COUNT, "seed": 3, "size": 128, "renderer": renderer_hash()}
    assert os.listdir(folder.parent) == ["portraits"]
    shapes = {"images": (COUNT, 128, 128, 3), "labels": (COUNT, 128, 128), "landmarks": (COUNT, 68, 2)}
    for name, shape in shapes.items():
        assert getattr(dataset, name).shape == np.load(folder / f"{name}.npy").shape == shape
    assert dataset.images.dtype == dataset.labels.dtype == np.uint8
    assert dataset.landmarks.dtype == np.float32
    assert dataset.latents.dtype == np.float64


def test_what_is_there_is_not_rendered_again(rendered, monkeypatch):
    folder, dataset = rendered

    def refuse(*args, **kwargs):
        raise AssertionError("rendered again")

    monkeypatch.setattr(module, "process_pool", refuse)
    again = render_dataset(folder, COUNT, seed=3)
    np.testing.assert_array_equal(again.images, dataset.images)
    for count, seed in ((COUNT + 1, 3), (COUNT, 4)):
        with pytest.raises(AssertionError, match="rendered again"):
            render_dataset(folder, count, seed)


def test_a_killed_rendering_leaves_no_folder_and_is_begun_anew(tmp_path, monkeypatch):
    class Dying(_HerePool):
        @staticmethod
        def map(function, blocks):
            yield function(blocks[0])
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "_BLOCK", 2)
    monkeypatch.setattr(module, "process_pool", Dying)
    with pytest.raises(KeyboardInterrupt):
        render_dataset(tmp_path / "p", 3, seed=1)
    assert not (tmp_path / "p").exists()
    monkeypatch.setattr(module, "process_pool", _HerePool)
    dataset = render_dataset(tmp_path / "p", 3, seed=1)
    assert all(image.std() > 5 for image in dataset.images)
    assert os.listdir(tmp_path) == ["p"]


def test_other_seeds_give_other_portraits(rendered, portraits):
    _, dataset = rendered
    assert not set(dataset.texture_seeds.tolist()) & set(portraits.texture_seeds.tolist())
    assert not (dataset.images[:5] == portraits.images[:5]).all(axis=(1, 2, 3)).any()


def test_a_batch_in_numbers(portraits):
    index = np.array([4, 1, 7])
    found = portraits.batch(index)
    assert found.dtype == torch.float32
    expected = portraits.images[index].transpose(0, 3, 1, 2) / 127.5 - 1
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_texture_maps_are_those_of_the_renderer(portraits):
    index = np.array([3, 0])
    found = portraits.texture_noise(index)
    for row, i in enumerate(index):
        seed = int(portraits.texture_seeds[i])
        for resolution, values in noise_maps(from_latent(portraits.latents[i], seed), 128).items():
            assert found[resolution].shape == (2, 1, resolution, resolution)
            np.testing.assert_array_equal(found[resolution][row, 0], values)


def test_batches_of_a_resumed_run_are_those_it_would_have_drawn():
    whole = list(random_batches(40, 8, 6, seed=2))
    assert len(whole) == 6
    for batch in whole:
        assert len(set(batch.tolist())) == 8
        assert (np.diff(batch) > 0).all()
        assert 0 <= batch.min() <= batch.max() < 40
    np.testing.assert_array_equal(list(random_batches(40, 8, 6, seed=2, start=4)), whole[4:])
    assert not np.array_equal(whole[0], whole[1])
    assert not np.array_equal(whole[0], next(random_batches(40, 8, 6, seed=3)))


def test_an_opened_folder_is_not_read_before_use(rendered):
    folder, _ = rendered
    assert isinstance(PortraitDataset.open(folder).images, np.memmap)
