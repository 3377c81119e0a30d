"""The losses between images: values and gradients of the official implementation, and their readings."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from loho_bench.annotation.masks import dilate
from loho_bench.methods.loho.losses import (
    appearance_loss,
    gram_matrix,
    identity_loss,
    mean_appearance,
    structure_loss,
    style_loss,
)
from loho_bench.methods.loho.targets import Targets, describe_hair, lpips_features
from loho_bench.networks.lpips import Lpips, LpipsHeads
from loho_bench.settings.loho import LohoSettings

ALL, DEEP = (1, 2, 3, 4, 5), (4, 5)


def load_case(golden, name: str) -> dict[str, torch.Tensor]:
    stored = load_file(golden / "losses" / f"case_{name}.safetensors")
    return {key: value.float() for key, value in stored.items()}


def assert_gradient(got: torch.Tensor, case: dict[str, torch.Tensor], name: str) -> None:
    expected = case[f"grad_{name}"]
    error = (got - expected).square()
    if f"gradscale_{name}" in case:  # stored in float16
        expected = expected * case[f"gradscale_{name}"]
        error = (got - expected).square()
        # In so large a frame some ReLU sits on its kink and rounding decides for the few pixels below it.
        pixels = error.sum(1).flatten().sort().values
        error = pixels[: int(0.995 * len(pixels))]
    assert error.sum().sqrt() < 1e-3 * expected.norm(), name


@pytest.mark.parametrize("size", ["64", "256"])
def test_style_and_appearance_match_the_reference(golden, vgg404, size):
    case, settings = load_case(golden, size), LohoSettings()
    lpips = Lpips(vgg404, LpipsHeads())
    for suffix, mask in (("", case["mask_G"]), ("_nomask", None), ("_softmask", case["mask_G_soft"])):
        image = case["I_G"].clone().requires_grad_()
        generated = describe_hair(lpips, image, mask, settings)
        for index in "23" if not suffix else "3":
            with torch.no_grad():
                target_mask = case[f"HM_{index}"] if mask is not None else None
                target = describe_hair(lpips, case[f"I_{index}"], target_mask, settings)
            losses = {
                f"style_{index}g{suffix}": style_loss(generated.grams, target.grams, "features"),
                f"appearance_{index}g{suffix}": appearance_loss(
                    generated.appearance, target.appearance, "features"
                ),
            }
            for name, value in losses.items():
                assert value.shape == (1,)
                assert value.item() == pytest.approx(case[f"loss_{name}"].item(), rel=1e-4), name
                if f"grad_{name}" in case:
                    (gradient,) = torch.autograd.grad(value.sum(), image, retain_graph=True)
                    assert_gradient(gradient, case, name)


@pytest.mark.parametrize("size", ["64", "256", "64_batch2"])
def test_identity_and_structure_match_the_reference(golden, vgg404, published_heads, size):
    case = load_case(golden, size)
    lpips = Lpips(vgg404, published_heads)
    image = case["I_G"].clone().requires_grad_()
    generated = lpips.features(image)
    with torch.no_grad():
        identity, structure = lpips.features(case["I_1"]), lpips.features(case["I_2"])
    face_region = case["FM_1"] * (1 - dilate(case["HM_2"], 5 if size == "256" else 2))
    assert torch.equal(face_region, case["face_target_mask"])
    losses = {
        "face_lpips": identity_loss(lpips, generated, identity, face_region, ALL, "features"),
        "hair_lpips": structure_loss(lpips, generated, structure, case["HM_2E"], DEEP, "features"),
        "face_lpips_softmask": identity_loss(
            lpips, generated, identity, case["mask_G_soft"], ALL, "features"
        ),
        # A mask of the whole frame is the plain mean.
        "lpips_all_blocks_nomask": 5 * identity_loss(lpips, generated, identity, face_region, ALL, "inputs"),
    }
    for name, value in losses.items():
        if value.numel() > 1 and not name.endswith("nomask"):
            continue  # the reference divides by the mask area of the whole batch
        assert torch.allclose(value, case[f"loss_{name}"], rtol=1e-4), name
        if f"grad_{name}" in case:
            (gradient,) = torch.autograd.grad(value.sum(), image, retain_graph=True)
            assert_gradient(gradient, case, name)


def test_a_batch_gives_what_its_members_give_alone(golden, vgg404):
    case, settings = load_case(golden, "64_batch2"), LohoSettings(style_resolution=64)
    lpips = Lpips(vgg404, LpipsHeads())

    def values(rows: slice) -> torch.Tensor:
        image, mask = case["I_G"][rows], case["mask_G"][rows]
        generated = describe_hair(lpips, image, mask, settings)
        target = describe_hair(lpips, case["I_3"][rows], case["HM_3"][rows], settings)
        features, identity = lpips.features(image), lpips.features(case["I_1"][rows])
        region = case["face_target_mask"][rows]
        return torch.stack(
            [
                style_loss(generated.grams, target.grams, "features"),
                appearance_loss(generated.appearance, target.appearance, "features"),
                identity_loss(lpips, features, identity, region, ALL, "features"),
                structure_loss(lpips, features, identity, case["HM_2E"][rows], DEEP, "features"),
            ]
        )

    with torch.no_grad():
        together = values(slice(None))
        alone = torch.cat([values(slice(i, i + 1)) for i in range(2)], dim=1)
    assert torch.allclose(together, alone, rtol=1e-4)


def test_gram_matrix_matches_the_reference(golden, vgg404):
    case = load_case(golden, "64")
    enlarged = torch.nn.functional.interpolate(
        case["I_G"], size=(256, 256), mode="bilinear", align_corners=True
    )
    with torch.no_grad():
        features = vgg404(enlarged, ["relu1_2"])["relu1_2"]
    expected = case["gram_relu1_2_of_unmasked_I_G_with_feature_mask"]
    assert torch.allclose(gram_matrix(features, case["mask_G"])[0], expected, rtol=1e-3, atol=1e-7)


def test_readings_differ_by_what_the_table_says():
    """Means against squared norms: the ratio is the number of entries."""
    draw = torch.Generator().manual_seed(3)
    a, b = torch.randn(2, 64, generator=draw), torch.randn(2, 64, generator=draw)
    assert torch.allclose(appearance_loss(a, b, "inputs"), 64 * appearance_loss(a, b, "features"))
    assert torch.allclose(appearance_loss(a, b, "inputs"), ((a - b) ** 2).sum(1))
    grams = [torch.randn(2, c, c, generator=draw) for c in (4, 8)]
    zeros = [torch.zeros_like(g) for g in grams]
    expected = sum(g.square().sum(dim=(1, 2)) for g in grams) / 2
    assert torch.allclose(style_loss(grams, zeros, "inputs"), expected)


def test_mean_appearance_is_the_mean_inside_the_mask():
    features = torch.zeros(1, 2, 4, 4)
    features[:, 0, :2], features[:, 1, 2:] = 3.0, 5.0
    mask = torch.zeros(1, 1, 2, 2)
    mask[:, :, 0] = 1  # the upper half
    assert torch.allclose(mean_appearance(features, mask), torch.tensor([[3.0, 0.0]]))
    assert torch.allclose(mean_appearance(features, 0 * mask), torch.zeros(1, 2))


def test_where_the_masks_act(resources, batch):
    """Under "inputs" nothing outside the region can reach the loss; under "features" the rim does."""
    lpips = resources.lpips
    for masking, reaches in (("features", True), ("inputs", False)):
        settings = LohoSettings(masking=masking, style_resolution=32)
        targets = Targets.of(batch, lpips, 32, settings)
        image = batch.appearance.clone().requires_grad_()
        features = lpips_features(lpips, image, targets.face_region, masking)
        value = identity_loss(lpips, features, targets.identity_features, targets.face_region, ALL, masking)
        (gradient,) = torch.autograd.grad(value.sum(), image)
        outside = (gradient * (targets.face_region == 0)).abs().sum()
        assert (outside > 0) == reaches
        assert gradient.abs().sum() > 0


def test_appearance_of_the_paper_reads_the_whole_image(resources, batch):
    """Equation 4 masks features, so that relu1_1 at the rim sees a pixel beyond the mask."""
    mask = batch.structure_hair
    image = batch.structure.clone()
    beyond = image + 0.5 * (dilate(mask, 1) - mask)
    for masking, sees in (("inputs", True), ("features", False)):
        settings = LohoSettings(masking=masking, style_resolution=32)
        first, second = (describe_hair(resources.lpips, x, mask, settings) for x in (image, beyond))
        assert torch.equal(first.appearance, second.appearance) != sees
        assert all(torch.equal(a, b) for a, b in zip(first.grams, second.grams, strict=True))


def test_empty_face_region_costs_nothing(resources, batch):
    settings = LohoSettings(style_resolution=32)
    targets = Targets.of(batch, resources.lpips, 32, settings)
    features = resources.lpips.features(batch.appearance)
    empty = torch.zeros_like(targets.face_region)
    value = identity_loss(resources.lpips, features, targets.identity_features, empty, ALL, "features")
    assert torch.equal(value, torch.zeros(len(batch)))
