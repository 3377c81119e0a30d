"""MichiGAN's generator: what each input may and may not change, by hand-made and SciPy's answers."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from loho_bench.networks.michigan import SpadeGenerator
from loho_bench.networks.michigan.encoders import AppearanceEncoder, PartialConvolution

SIDE = 96
SMALL = {"size": SIDE, "width": 4, "widest": 16, "hidden": 8, "margin": 32, "levels": 5}


@pytest.fixture(scope="module")
def generator() -> SpadeGenerator:
    torch.manual_seed(0)
    return SpadeGenerator(**SMALL).eval().requires_grad_(False)


def some_inputs(count: int = 1, seed: int = 0) -> dict[str, Tensor]:
    """Random pictures; the hair is a block in the middle, and another in the reference."""
    draw = torch.Generator().manual_seed(seed)
    hair, reference_hair = torch.zeros(2, count, 1, SIDE, SIDE)
    hair[..., 20:50, 30:70] = 1
    reference_hair[..., 8:64, 16:80] = 1
    return {
        "orientation": torch.rand(count, 2, SIDE, SIDE, generator=draw) * 2 - 1,
        "hair": hair,
        "image": torch.rand(count, 3, SIDE, SIDE, generator=draw) * 2 - 1,
        "reference_image": torch.rand(count, 3, SIDE, SIDE, generator=draw) * 2 - 1,
        "reference_hair": reference_hair,
        "noise": torch.rand(count, 3, SIDE, SIDE, generator=draw),
    }


def changed(generator: SpadeGenerator, name: str, where: Tensor) -> bool:
    """Say whether the picture changes when one input does, at the pixels ``where`` [S, S] alone."""
    inputs = some_inputs()
    other = {**inputs, name: torch.where(where, 0.3, inputs[name])}
    return not torch.equal(generator(**inputs), generator(**other))


def grown(hair: Tensor, by: int) -> Tensor:
    return torch.from_numpy(ndimage.maximum_filter(hair[0, 0].numpy(), by, mode="constant")) > 0


def test_pictures_have_the_size_and_range_of_the_portrait(generator):
    image = generator(**some_inputs(2))
    assert image.shape == (2, 3, SIDE, SIDE)
    assert image.abs().max() <= 1
    assert image.std() > 1e-3


@pytest.mark.parametrize(("name", "mask"), [("orientation", "hair"), ("reference_image", "reference_hair")])
def test_what_belongs_to_hair_counts_inside_the_hair_alone(generator, name, mask):
    inside = some_inputs()[mask][0, 0] > 0
    assert changed(generator, name, inside)
    assert not changed(generator, name, ~inside)


def test_noise_replaces_the_portrait_two_pixels_around_the_hair(generator):
    hair = some_inputs()["hair"]
    hidden = grown(hair, 5)
    assert not changed(generator, "image", hidden)
    assert changed(generator, "image", grown(hair, 7) & ~hidden)
    assert changed(generator, "noise", hidden & ~grown(hair, 3))
    assert not changed(generator, "noise", ~hidden)


@pytest.mark.parametrize("dilation", [5, 11])
def test_background_ends_where_the_grown_hair_begins_and_the_margin_is_all_background(generator, dilation):
    inputs = some_inputs()
    inputs["hair"][..., :10, :] = 1  # up to three edges of the picture
    seen = []
    hook = generator.backgroud_enc.register_forward_hook(lambda _, given, made: seen.append(given[1][0, 0]))
    generator(**inputs, dilation=dilation)
    hook.remove()
    wanted = np.pad(~grown(inputs["hair"], dilation).numpy(), 16, constant_values=True)
    np.testing.assert_array_equal(seen[0].numpy(), wanted)


def test_members_of_a_batch_do_not_see_each_other(generator):
    inputs = some_inputs(3, seed=1)
    together = generator(**inputs)
    alone = [generator(**{name: value[k : k + 1] for name, value in inputs.items()}) for k in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)


@pytest.mark.parametrize("empty", ["hair", "reference_hair"])
def test_pictures_without_hair_give_numbers(generator, empty):
    inputs = some_inputs()
    inputs[empty] = torch.zeros_like(inputs[empty])
    assert generator(**inputs).isfinite().all()


def test_partial_convolution_is_the_mean_over_what_is_seen():
    torch.manual_seed(1)
    layer = PartialConvolution(3, 4).double()
    x = torch.randn(1, 3, 9, 11, dtype=torch.float64)
    mask = (torch.rand(1, 1, 9, 11, dtype=torch.float64) > 0.7).double()
    found, seen = layer(x, mask)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    image, cover = (np.pad(v[0].numpy(), ((0, 0), (1, 1), (1, 1))) for v in (x, mask))
    assert 0 < seen.mean() < 1
    for row in range(5):
        for column in range(6):
            window = np.s_[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            count = cover[window].sum()
            wanted = np.zeros(4)
            if count:
                part = image[window] * cover[window]
                wanted = np.tensordot(weight, part, axes=3) * 9 / count + bias
            np.testing.assert_allclose(found[0, :, row, column].detach().numpy(), wanted, atol=1e-12)
            assert seen[0, 0, row, column] == (count > 0)


def test_appearance_is_one_vector_inside_the_target_hair():
    torch.manual_seed(2)
    encoder = AppearanceEncoder((4, 4, 4, 4, 8))
    inputs = some_inputs()
    target = torch.zeros(1, 1, SIDE, SIDE)
    target[..., :64, 32:] = 1
    code = encoder(inputs["reference_image"], inputs["reference_hair"], target, 3)
    assert code.shape == (1, 8, 3, 3)
    inside = torch.zeros(3, 3, dtype=torch.bool)
    inside[:2, 1:] = True
    assert not code[:, :, ~inside].any()
    vectors = code[0, :, inside]
    assert vectors.any()
    assert torch.equal(vectors, vectors[:, :1].expand(-1, 4))


@pytest.mark.parametrize("changes", [{}, {"levels": 6}, {"halvings": 3}])
def test_configuration_rebuilds_the_network(changes):
    torch.manual_seed(3)
    first = SpadeGenerator(**{**SMALL, **changes}).eval()
    again = SpadeGenerator(**json.loads(json.dumps(first.config()))).eval()
    again.load_state_dict(first.state_dict())
    inputs = some_inputs()
    with torch.no_grad():
        assert torch.equal(first(**inputs), again(**inputs))


@pytest.mark.parametrize(
    "wrong", [{"levels": 4}, {"margin": 0, "size": 100}, {"margin": 1, "size": 95}, {"halvings": 0}]
)
def test_sizes_that_do_not_halve_evenly_are_refused(wrong):
    with pytest.raises(ValueError, match=r"is 5 or 6|add up|is 1 to 5"):
        SpadeGenerator(**{**SMALL, **wrong})


def test_training_in_half_precision_lowers_the_loss():
    torch.manual_seed(4)
    generator = SpadeGenerator(**{**SMALL, "size": 32})
    inputs = {name: value[..., 30:62, 30:62] for name, value in some_inputs(2).items()}
    assert 0 < inputs["hair"].mean() < 1
    wanted = torch.tensor([0.5, -0.5, 0.2]).view(1, 3, 1, 1).expand(2, 3, 32, 32)
    optimizer = torch.optim.Adam(generator.parameters(), 1e-2)
    losses = []
    for _ in range(8):
        with torch.autocast("cpu", torch.bfloat16):
            image = generator(**inputs)
        loss = (image.float() - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in generator.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
