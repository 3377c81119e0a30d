"""facexlib's face parsers: what their classes mean, what the networks see, and their files."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from loho_bench.annotation.facexlib import CIHP_OF_PART, FACE_PARSERS, FacexlibParser, load_face_parser
from loho_bench.compat import prepare_torchvision
from loho_bench.errors import UserError
from loho_bench.networks.graphonomy import CLASS_NAMES, FACE, HAIR

NAMES = ("bisenet", "parsenet")

# What a hand sees in the eight FFHQ portraits: (portrait, part, column, row) on 1024 pixels.
SEEN = (
    ("46826", "right ear", 849, 632),
    ("67172", "right ear", 810, 600),
    ("52364", "left ear", 215, 610),
    ("46826", "left brow", 430, 440),
    ("67172", "mouth", 540, 735),
    ("00761", "skin", 540, 420),
    ("52364", "neck", 790, 800),
    ("67172", "neck", 480, 940),
    ("00018", "neck", 560, 960),
    ("10446", "eyeglasses", 300, 560),
    ("10446", "eyeglasses", 680, 560),
    ("08244", "earring", 878, 592),
    ("00018", "hair", 200, 400),
    ("52364", "hair", 500, 200),
    ("52364", "clothes", 900, 960),
)


class OneHot(nn.Module):
    """Stands in for a parser: columns of equal width show its classes in their order."""

    def __init__(self):
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, images):
        assert not self.training
        self.shapes.append(tuple(images.shape))
        column = torch.arange(images.shape[-1]) * 19 // images.shape[-1]
        logits = (torch.arange(19)[:, None, None] == column).float().expand(len(images), 19, 512, 512)
        return logits, torch.zeros(len(images), 3, 512, 512)


def untrained(name: str) -> nn.Module:
    prepare_torchvision()
    from facexlib.parsing.bisenet import BiSeNet
    from facexlib.parsing.parsenet import ParseNet

    torch.manual_seed(0)
    return BiSeNet(19) if name == "bisenet" else ParseNet(in_size=512, out_size=512, parsing_ch=19)


@pytest.mark.parametrize("name", NAMES)
def test_every_class_has_one_name_and_a_meaning(name):
    parts = FACE_PARSERS[name].parts
    assert len(parts) == 19
    assert len(set(parts)) == 19
    assert set(parts) == set(CIHP_OF_PART)
    assert all(0 <= CIHP_OF_PART[part] < len(CLASS_NAMES) for part in parts)


def test_class_numbers_are_those_that_users_of_the_networks_rely_on():
    # makeup.py of zllrunning/face-parsing.PyTorch recolours these classes of BiSeNet.
    bisenet = FACE_PARSERS["bisenet"].parts
    published = {1: "skin", 10: "nose", 11: "mouth", 12: "upper lip", 13: "lower lip", 17: "hair"}
    assert {index: bisenet[index] for index in published} == published
    # facexlib's FaceRestorationHelper pastes everything of a face back but these classes of ParseNet.
    left_out = {FACE_PARSERS["parsenet"].parts[index] for index in (0, 14, 16, 17, 18)}
    assert left_out == {"background", "hat", "necklace", "neck", "clothes"}
    assert FACE_PARSERS["parsenet"].parts[13] == "hair"


@pytest.mark.parametrize(("portrait", "part", "column", "row"), SEEN)
def test_parts_mean_what_graphonomy_s_masks_say(ffhq, portrait, part, column, row):
    with Image.open(ffhq / "masks" / f"{portrait}.png") as image:
        red, _, blue = np.asarray(image.convert("RGB"))[row // 4, column // 4] > 127
    assert (CIHP_OF_PART[part] == HAIR) == red
    assert (CIHP_OF_PART[part] == FACE) == blue


@pytest.mark.parametrize("name", NAMES)
def test_each_class_comes_out_as_its_meaning(name):
    kind = FACE_PARSERS[name]
    network = OneHot()
    labels = FacexlibParser(network, kind).parse(torch.zeros(2, 3, 190, 190))
    assert network.shapes == [(2, 3, 512, 512)]
    assert labels.dtype is torch.uint8
    assert labels.shape == (2, 190, 190)
    wanted = torch.tensor([CIHP_OF_PART[part] for part in kind.parts])
    assert torch.equal(labels[1, 100, 5::10].long(), wanted)
    # facexlib's two orders differ, so a mistaken table would show.
    assert not torch.equal(wanted, torch.tensor([CIHP_OF_PART[p] for p in FACE_PARSERS[other(name)].parts]))


def other(name: str) -> str:
    return NAMES[1 - NAMES.index(name)]


@pytest.mark.parametrize(
    ("name", "mean", "deviation"),
    [("bisenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), ("parsenet", (0.5,) * 3, (0.5,) * 3)],
)
def test_network_sees_what_the_published_scripts_show_it(name, mean, deviation):
    prepare_torchvision()
    from torchvision.transforms.functional import normalize, to_tensor

    pixels = np.random.default_rng(0).integers(0, 256, (1, 512, 512, 3), dtype=np.uint8)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    seen: list[torch.Tensor] = []
    network = OneHot()
    network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    FacexlibParser(network, FACE_PARSERS[name]).parse(images)
    wanted = normalize(to_tensor(pixels[0]), mean, deviation)
    torch.testing.assert_close(seen[0][0], wanted, rtol=0, atol=2e-6)


def test_other_sizes_are_resized_as_pillow_does():
    coarse = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    pixels = np.asarray(Image.fromarray(coarse).resize((1000, 1000), Image.Resampling.BICUBIC))
    images = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    seen: list[torch.Tensor] = []
    network = OneHot()
    network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    FacexlibParser(network, FACE_PARSERS["parsenet"]).parse(torch.cat([images * 1.5, images]))
    small = np.asarray(Image.fromarray(pixels).resize((512, 512), Image.Resampling.BILINEAR))
    wanted = torch.from_numpy(small.copy()).permute(2, 0, 1).float() / 127.5 - 1
    together = torch.cat(seen)
    assert (together[1] - wanted).abs().max() < 1.5 / 127.5  # Pillow rounds to whole values twice
    assert together[0].abs().max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_published_layout_loads_whole_and_frozen(name, tmp_path):
    network = untrained(name)
    torch.save(network.state_dict(), tmp_path / f"parsing_{name}.pth")
    parser = load_face_parser(name, tmp_path / f"parsing_{name}.pth")
    assert not parser.network.training
    assert not any(parameter.requires_grad for parameter in parser.network.parameters())
    for key, value in network.state_dict().items():
        assert torch.equal(parser.network.state_dict()[key], value)
    with pytest.raises(UserError, match="tensors differ from the network's"):
        load_face_parser(other(name), tmp_path / f"parsing_{name}.pth")


def test_missing_library_is_named(tmp_path, monkeypatch):
    torch.save({}, tmp_path / "parsing_bisenet.pth")
    monkeypatch.setitem(sys.modules, "facexlib.parsing.bisenet", None)
    with pytest.raises(UserError, match="facexlib is not installed"):
        load_face_parser("bisenet", tmp_path / "parsing_bisenet.pth")


@pytest.mark.parametrize("name", ["bisenet", pytest.param("parsenet", marks=pytest.mark.slow)])
@torch.no_grad()
def test_answers_in_a_batch_are_the_network_s_own_for_each(name):
    network = untrained(name).eval()
    kind = FACE_PARSERS[name]
    parser = FacexlibParser(network, kind)
    images = torch.nn.functional.interpolate(torch.rand(2, 3, 9, 9), (512, 512), mode="bicubic") * 2 - 1
    labels = parser.parse(images)
    alone = network(parser.prepare(images[1:]))[0].argmax(1)[0]
    ids = torch.tensor([CIHP_OF_PART[part] for part in kind.parts])
    assert len(alone.unique()) > 1
    assert (ids[alone] != labels[1]).float().mean() < 1e-3


def test_no_portraits_give_no_labels():
    parser = FacexlibParser(OneHot(), FACE_PARSERS["bisenet"])
    assert parser.parse(torch.zeros(0, 3, 64, 64)).shape == (0, 64, 64)
