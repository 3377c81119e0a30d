"""MichiGAN as a method: what comes from which portrait, against the network called by hand; lone tuples."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from loho_bench.annotation.orientation import portrait_orientation
from loho_bench.methods.compositing import Telea
from loho_bench.methods.michigan.method import SPEC, Michigan
from loho_bench.methods.michigan.structure import orientation_angles, random_disc
from loho_bench.methods.protocol import Resources
from loho_bench.networks.michigan import MichiganNetworks, OrientationInpainter, SpadeGenerator
from loho_bench.portraits.images import to_uint8
from loho_bench.settings.michigan import MichiganSettings

SIZE = 32


class Recorder(torch.nn.Module):
    """Stands in for the generator: keeps what it is given, and paints red."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.given = size, []

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        self.given.append(inputs)
        red = torch.tensor([1.0, -1.0, -1.0])[:, None, None]
        return red.expand_as(inputs["image"])


def resources(generator: torch.nn.Module) -> Resources:
    torch.manual_seed(3)
    inpainter = OrientationInpainter(size=16, width=4, blocks=1).eval()
    networks = MichiganNetworks(generator, inpainter)
    return Resources(None, None, None, torch.device("cpu"), inpainter=Telea(), michigan=networks)


@pytest.fixture(scope="module")
def generator() -> SpadeGenerator:
    torch.manual_seed(4)
    network = SpadeGenerator(size=SIZE, width=4, widest=16, hidden=8, margin=0, levels=5, halvings=2)
    widths = {"orientation": 2, "hair": 1, "image": 3, "reference_image": 3, "reference_hair": 1, "noise": 3}
    with torch.no_grad():
        for _ in range(12):  # its normalizations get to know what they see; before, tanh says 1 everywhere
            network(**{name: torch.rand(4, width, SIZE, SIZE).round() for name, width in widths.items()})
    return network.eval()


def test_every_input_comes_from_its_own_portrait(batch):
    recorder = Recorder(SIZE)
    result = Michigan(MichiganSettings(), resources(recorder)).transfer(batch)
    assert len(recorder.given) == len(batch)
    for index, given in enumerate(recorder.given):
        hair = batch.structure_hair[index]
        assert torch.equal(given["hair"][0], hair)
        assert torch.equal(given["reference_image"][0], batch.appearance[index])
        assert torch.equal(given["reference_hair"][0], batch.appearance_hair[index])
        levels = portrait_orientation(to_uint8(batch.structure)[index], hair[0].numpy() > 0)
        angle = torch.from_numpy(levels * (2 * math.pi / 255)).float()
        expected = torch.stack([angle.sin(), angle.cos()]) * hair
        assert torch.allclose(given["orientation"][0], expected, atol=1e-5)
        # Far from the hair that is taken away, the background is the identity.
        kept = batch.identity_face[index] * (1 - batch.identity_hair[index])
        kept[:, :20] = 0
        assert kept.any()
        assert torch.allclose(given["image"][0] * kept, batch.identity[index] * kept, atol=1e-5)
    assert result.inpainting == Telea().name


def test_the_identity_stays_where_no_hair_comes_or_goes(batch):
    result = Michigan(MichiganSettings(), resources(Recorder(SIZE))).transfer(batch)
    assert result.images.shape == batch.identity.shape
    both = torch.maximum(batch.structure_hair, batch.identity_hair)
    far = torch.nn.functional.max_pool2d(both, 11, stride=1, padding=5) == 0
    assert far.any()
    assert torch.allclose(result.images * far, batch.identity * far, atol=1e-6)
    inside = -torch.nn.functional.max_pool2d(-batch.structure_hair, 3, stride=1, padding=1) > 0
    red = (result.images[:, 0] > 0.99) & (result.images[:, 1:] < -0.99).all(dim=1)
    assert red[inside[:, 0]].all()
    assert result.foreground_mask[far].max() < 1e-6


def test_former_hair_is_gone(batch):
    painted = dataclasses.replace(
        batch,
        identity=torch.where(batch.identity_hair > 0, 1.0, -0.5).expand(-1, 3, -1, -1).contiguous(),
        identity_face=torch.zeros_like(batch.identity_face),
    )
    recorder = Recorder(SIZE)
    Michigan(MichiganSettings(), resources(recorder)).transfer(painted)
    for given in recorder.given:
        assert torch.allclose(given["image"], torch.full_like(given["image"], -0.5), atol=0.02)


def test_a_lone_tuple_gives_what_it_gives_in_company(batch, generator):
    method = Michigan(MichiganSettings(), resources(generator))
    together = method.transfer(batch)
    for index in range(len(batch)):
        alone = method.transfer(batch.select([index]))
        assert torch.equal(alone.images[0], together.images[index])
    assert not torch.equal(together.images[0], together.images[1])


def test_noise_belongs_to_the_seed(batch, generator):
    method = Michigan(MichiganSettings(), resources(generator))
    first, second = batch.select([0]), dataclasses.replace(batch.select([0]), seeds=(7,))
    a, b, again = (method.transfer(x).images for x in (first, second, first))
    assert torch.equal(a, again)
    assert not torch.equal(a, b)


def test_a_network_of_another_size_is_fed_at_its_own(batch):
    recorder = Recorder(2 * SIZE)
    result = Michigan(MichiganSettings(), resources(recorder)).transfer(batch)
    assert result.images.shape == batch.identity.shape
    for name, value in recorder.given[0].items():
        assert value.shape[2:] == (2 * SIZE, 2 * SIZE), name
    assert set(recorder.given[0]["hair"].unique().tolist()) == {0.0, 1.0}
    smaller = Michigan(MichiganSettings(), resources(Recorder(SIZE // 2))).transfer(batch)
    assert smaller.images.shape == batch.identity.shape


def test_a_forgotten_disc_is_continued_by_the_network(batch):
    recorders = [Recorder(SIZE), Recorder(SIZE)]
    for recorder, area in zip(recorders, [(0.0, 0.0), (0.4, 0.4)], strict=True):
        Michigan(MichiganSettings(forgotten_orientation=area), resources(recorder)).transfer(batch)
    for kept, continued in zip(*(recorder.given for recorder in recorders), strict=True):
        changed = (kept["orientation"] != continued["orientation"]).any(dim=1)
        share = changed.sum() / kept["hair"].sum()
        assert 0.1 < share <= 0.45
        assert not changed[kept["hair"][:, 0] == 0].any()


def test_the_disc_has_its_area_where_the_hair_has_room():
    hair = torch.ones(1, 1, 200, 200)
    areas = [
        random_disc(hair, (0.02, 0.02), torch.Generator().manual_seed(k)).sum().item() for k in range(40)
    ]
    assert max(areas) == pytest.approx(0.02 * 200**2, rel=0.02)
    assert not random_disc(hair, (0.0, 0.0), torch.Generator()).any()
    assert not random_disc(torch.zeros(1, 1, 8, 8), (0.5, 1.2), torch.Generator()).any()


def test_angles_are_read_from_the_stored_map():
    draw = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 64, 64, generator=draw) * 2 - 1
    hair = torch.ones(2, 1, 64, 64)
    found = orientation_angles(image, hair)
    levels = np.stack([portrait_orientation(pixels, np.ones((64, 64), bool)) for pixels in to_uint8(image)])
    assert np.allclose(found[:, 0].numpy(), levels / 255 * np.pi)


def test_settings_refuse_what_makes_no_sense():
    for shares in [(0.5, 0.2), (-0.1, 0.2)]:
        with pytest.raises(ValidationError):
            MichiganSettings(forgotten_orientation=shares)
    assert SPEC.settings is MichiganSettings
    assert SPEC.needs == ("michigan", "inpainter")
