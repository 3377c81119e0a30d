"""The losses between images: their readings and masks; tests/parity has the reference numbers."""

from __future__ import annotations

import torch

from loho_bench.annotation.masks import dilate
from loho_bench.methods.loho.losses import (
    appearance_loss,
    identity_loss,
    mean_appearance,
    structure_loss,
    style_loss,
)
from loho_bench.methods.loho.targets import Targets, describe_hair, lpips_features
from loho_bench.settings.loho import LohoSettings

ALL, DEEP = (1, 2, 3, 4, 5), (4, 5)


def test_a_batch_gives_what_its_members_give_alone(resources, batch):
    lpips, settings = resources.lpips, LohoSettings(style_resolution=32)

    def values(rows: slice) -> torch.Tensor:
        image, mask = batch.identity[rows], batch.identity_hair[rows]
        generated = describe_hair(lpips, image, mask, settings)
        target = describe_hair(lpips, batch.appearance[rows], batch.appearance_hair[rows], settings)
        features, other = lpips.features(image), lpips.features(batch.structure[rows])
        return torch.stack(
            [
                style_loss(generated.grams, target.grams, "features"),
                appearance_loss(generated.appearance, target.appearance, "features"),
                identity_loss(lpips, features, other, batch.identity_face[rows], ALL, "features"),
                structure_loss(lpips, features, other, batch.structure_hair[rows], DEEP, "features"),
            ]
        )

    with torch.no_grad():
        together = values(slice(None))
        alone = torch.cat([values(slice(i, i + 1)) for i in range(len(batch))], dim=1)
    assert (alone > 0).all()
    assert torch.allclose(together, alone, rtol=1e-4)


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
