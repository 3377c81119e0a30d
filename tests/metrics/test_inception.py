"""Inception against clean-fid's own pipeline, mode by mode; weights are random, the pipeline is the point."""

from __future__ import annotations

import socket
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from loho_bench.compat import prepare_torchvision
from loho_bench.errors import UserError
from loho_bench.metrics.fid import extract_features, fid
from loho_bench.metrics.inception import InceptionExtractor, load_inception

MODES = ("clean", "legacy_pytorch", "legacy_tensorflow")


class Layers(nn.Module):
    """Stands in for the layers of the published program: 2048 features that no two pictures share."""

    def __init__(self):
        super().__init__()
        self.narrow = nn.Conv2d(3, 12, 7, stride=5)
        self.wide = nn.Conv2d(12, 2048, 3, stride=3)

    def forward(self, x: Tensor) -> Tensor:
        return self.wide(functional.relu(self.narrow(x))).mean(dim=[2, 3])


class Program(nn.Module):
    """Has the interface of the published program: layers to call, and a resizing of its own."""

    def __init__(self):
        super().__init__()
        self.layers = Layers()

    def forward(self, img: Tensor, return_features: bool = False) -> Tensor:
        x = functional.interpolate(img, size=[299, 299], mode="bilinear", align_corners=True)
        assert return_features
        return self.layers((x - 128) / 128)


class Writes(nn.Module):
    """Writes a file while it is loaded."""

    def __init__(self, path: str):
        super().__init__()
        self.path = path

    @torch.jit.export
    def __getstate__(self) -> tuple[str, bool]:
        return self.path, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        self.path = state[0]
        self.training = state[1]
        torch.save(torch.ones(1), self.path)

    def forward(self, img: Tensor) -> Tensor:
        return img


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("something wants the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """A file for each mode, under names that clean-fid does not look for."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Program()).save(folder / "program.pt")
        prepare_torchvision()
        from torchvision.models import inception_v3

        network = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)  # the default dies out on the way through
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.bias, -0.1, 0.1)
    torch.save(network.state_dict(), folder / "weights.pth")
    program, weights = folder / "program.pt", folder / "weights.pth"
    return {"clean": program, "legacy_pytorch": weights, "legacy_tensorflow": program}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(3)
    for i in range(3):
        coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        coarse.resize((80, 80), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module", params=MODES)
def extractor(request, files) -> InceptionExtractor:
    return load_inception(request.param, files[request.param])


def clean_fid_features(mode: str, file: Path, folder: Path, tmp_path: Path, monkeypatch) -> np.ndarray:
    """What clean-fid gets with its own extractor, data set and loop, once it need not download."""
    from cleanfid import features, inception_pytorch, inception_torchscript
    from cleanfid.fid import get_folder_features

    (tmp_path / "inception-2015-12-05.pt").symlink_to(file)
    monkeypatch.setattr(
        features,
        "InceptionV3W",
        lambda _, download, **how: inception_torchscript.InceptionV3W(tmp_path, download=False, **how),
    )
    monkeypatch.setattr(
        inception_pytorch, "load_state_dict_from_url", lambda *_, **__: torch.load(file, weights_only=True)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = features.build_feature_extractor(mode, torch.device("cpu"), use_dataparallel=False)
        return get_folder_features(
            str(folder), model, num_workers=0, batch_size=3, device="cpu", mode=mode, verbose=False
        )


def test_features_are_those_of_clean_fid(extractor, files, pictures, tmp_path, monkeypatch):
    mode = extractor.protocol
    expected = clean_fid_features(mode, files[mode], pictures, tmp_path, monkeypatch)
    paths = sorted(pictures.glob("*.png"))
    ours = extract_features(paths, extractor)
    assert (ours.extractor, ours.protocol) == (f"inception-v3 ({mode})", mode)
    assert ours.features.shape == (3, 2048)
    scale = np.abs(expected).max()
    assert np.abs(expected[0] - expected[1]).max() > 1e-3 * scale
    np.testing.assert_allclose(ours.features, expected, rtol=1e-6, atol=1e-6 * scale)
    row = fid(ours, ours)
    assert (row["extractor"], row["protocol"]) == (f"inception-v3 ({mode})", mode)


def test_modes_are_three_different_numbers(files, pictures):
    paths = sorted(pictures.glob("*.png"))
    clean, tensorflow = (
        extract_features(paths, load_inception(mode, files[mode])) for mode in ("clean", "legacy_tensorflow")
    )
    assert np.abs(clean.features - tensorflow.features).max() > 1e-3 * np.abs(clean.features).max()
    with pytest.raises(ValueError, match="different extractor"):
        fid(clean, tensorflow)


def test_an_extractor_is_not_used_in_the_protocol_of_another(files, pictures):
    extractor = load_inception("clean", files["clean"])
    with pytest.raises(ValueError, match="'clean', not 'legacy_pytorch'"):
        extract_features(sorted(pictures.glob("*.png")), extractor, protocol="legacy_pytorch")


def test_pictures_of_any_size_reach_the_program_that_resizes(files, pictures):
    extractor = load_inception("legacy_tensorflow", files["legacy_tensorflow"])
    paths = sorted(pictures.glob("*.png"))
    arrays = [
        np.asarray(Image.open(paths[0])),
        np.asarray(Image.open(paths[1]))[:40],
        np.asarray(Image.open(paths[2])),
    ]
    together = extract_features(arrays, extractor).features
    for array, row in zip(arrays, together, strict=True):
        alone = extract_features([array], extractor).features[0]
        np.testing.assert_allclose(row, alone, rtol=1e-5, atol=1e-6)


def test_batches_have_the_size_asked_for_and_go_to_the_device(pictures):
    class Seen(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))
            self.batches = []

        def forward(self, images):
            self.batches.append((len(images), images.device.type))
            return images.new_zeros(len(images), 2048, device="cpu")

    network = Seen()
    extractor = InceptionExtractor(network, "clean", "meta")
    assert network.weight.device.type == "meta"
    extract_features(sorted(pictures.glob("*.png")), extractor, batch_size=2)
    assert network.batches == [(2, "meta"), (1, "meta")]


def test_the_network_is_frozen_and_evaluates(extractor):
    assert not any(module.training for module in extractor.modules())
    assert not any(parameter.requires_grad for parameter in extractor.parameters())
    assert len(list(extractor.parameters())) > 0


def refuse(mode: str, path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_inception(mode, path)
    message = str(caught.value)
    assert path.name in message
    assert len(message.splitlines()) <= 5
    return message


@pytest.mark.parametrize("mode", ["clean", "legacy_pytorch"])
def test_what_is_no_such_file_is_refused_in_a_few_lines(mode, files, tmp_path):
    assert "no such file" in refuse(mode, tmp_path / "absent.pt")
    broken = tmp_path / "broken.pt"
    whole = files[mode].read_bytes()
    for content, cause in (
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "web page"),
        (whole[: len(whole) // 2], "truncated"),
    ):
        broken.write_bytes(content)
        assert cause in refuse(mode, broken)


def test_the_file_of_the_other_mode_is_refused(files, tmp_path):
    assert "weights alone" in refuse("clean", files["legacy_pytorch"])
    assert "TorchScript" in refuse("legacy_pytorch", files["clean"])
    tensors = torch.load(files["legacy_pytorch"], weights_only=True)
    tensors["Mixed_7c.branch1x1.conv.weight"] = torch.zeros(1, 2, 3, 4)
    del tensors["fc.bias"]
    torch.save(tensors, tmp_path / "other.pth")
    message = refuse("legacy_pytorch", tmp_path / "other.pth")
    assert "fc.bias" in message
    assert "(1, 2, 3, 4)" in message
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    assert "list" in refuse("legacy_pytorch", tmp_path / "list.pth")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_another_program_is_refused(tmp_path):
    torch.jit.script(nn.Conv2d(3, 4, 1)).save(tmp_path / "other.pt")
    assert "layers" in refuse("clean", tmp_path / "other.pt")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_program_that_writes_files_is_refused_before_it_can(tmp_path):
    target, archive = tmp_path / "written", tmp_path / "writes.pt"
    torch.jit.script(Writes(str(target))).save(archive)
    torch.jit.load(archive)
    assert target.exists()  # loading alone was enough: the guard below is needed
    target.unlink()
    assert "'save'" in refuse("clean", archive)
    with zipfile.ZipFile(archive, "a") as again:  # a second, harmless program of the same name
        name = next(name for name in again.namelist() if name.endswith(".py"))
        with pytest.warns(UserWarning, match="Duplicate"):
            again.writestr(name, "")
    assert "'save'" in refuse("clean", archive)
    assert not target.exists()
