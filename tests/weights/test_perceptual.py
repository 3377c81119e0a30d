"""VGG16 and the heads of LPIPS from the files in which they are published."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import sys

import pytest
import torch

from loho_bench.errors import UserError
from loho_bench.networks.lpips import LpipsHeads
from loho_bench.networks.vgg import Vgg16
from loho_bench.weights import perceptual
from loho_bench.weights.perceptual import installed_heads, load_lpips, load_lpips_heads, load_vgg16

WIDTHS = (4, 5, 6, 7, 8)


@pytest.fixture
def files(tmp_path):
    """A narrow VGG16 in torchvision's layout, and its heads."""
    torch.manual_seed(2)
    vgg, heads = Vgg16(WIDTHS), LpipsHeads(WIDTHS)
    classifier = {"classifier.0.weight": torch.zeros(2, 2), "classifier.0.bias": torch.zeros(2)}
    torch.save(vgg.state_dict() | classifier, tmp_path / "vgg16.pth")
    heads.lin2.model["1"].weight.data.uniform_()
    torch.save(heads.state_dict(), tmp_path / "heads.pth")
    return vgg, heads, tmp_path


def refused(load, *paths) -> str:
    with pytest.raises(UserError) as error:
        load(*paths)
    assert error.value.remedy
    assert len(str(error.value).splitlines()) <= 5
    return str(error.value)


def test_the_networks_come_back_frozen(files):
    vgg, heads, folder = files
    loaded = load_lpips(folder / "vgg16.pth", folder / "heads.pth")
    assert not any(value.requires_grad for value in loaded.parameters())
    assert not loaded.training
    for found, original in ((loaded.vgg, vgg), (loaded.heads, heads)):
        assert set(found.state_dict()) == set(original.state_dict())
        for name, value in original.state_dict().items():
            assert torch.equal(found.state_dict()[name], value)


def test_files_of_another_network_are_named_with_what_they_are(files):
    _, _, folder = files
    message = refused(load_vgg16, folder / "heads.pth")
    assert str(folder / "heads.pth") in message
    assert "the linear heads of LPIPS" in message
    assert "VGG16" in refused(load_lpips_heads, folder / "vgg16.pth")
    state = torch.load(folder / "vgg16.pth", weights_only=True)
    torch.save({k: v for k, v in state.items() if k != "features.5.bias"}, folder / "less.pth")
    assert "1 missing, 0 unknown, 0 misshapen): features.5.bias" in refused(load_vgg16, folder / "less.pth")
    torch.save([1, 2], folder / "list.pth")
    assert "list" in refused(load_vgg16, folder / "list.pth")
    assert "no such file" in refused(load_vgg16, folder / "absent.pth")


def test_a_missing_package_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setattr(perceptual.importlib.util, "find_spec", lambda name: None)
    assert "pip install lpips" in refused(load_lpips_heads)
    damaged = importlib.machinery.ModuleSpec("lpips", None, is_package=True)
    damaged.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(perceptual.importlib.util, "find_spec", lambda name: damaged)
    assert "damaged" in refused(load_lpips_heads)


def test_the_installed_heads_are_the_published_ones():
    if importlib.util.find_spec("lpips") is None:
        pytest.skip("the package 'lpips' is not installed")
    heads = load_lpips_heads()
    assert "lpips" not in sys.modules  # found, not imported: it would import torchvision
    assert [heads.weights(block).shape[1] for block in (1, 2, 3, 4, 5)] == [64, 128, 256, 512, 512]
    assert all(float(heads.weights(block).min()) >= 0 for block in (1, 2, 3, 4, 5))
    digest = hashlib.sha256(installed_heads().read_bytes()).hexdigest()
    assert digest == "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"
