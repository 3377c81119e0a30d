"""The adversary: learns, regularises lazily and by the known formula, resumes, and gains weight slowly."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.stylegan2.discriminator import Discriminator
from loho_bench.training.checkpoints import Checkpoint
from loho_bench.training.generator.adversary import (
    Adversary,
    Rivalry,
    gradient_penalty,
    jitter,
    penalty_factor,
)

RIVALRY = Rivalry(pretraining=10, ramp=20, weight=0.1, gamma=0.1)
SIZE = 16


class Linear(nn.Module):
    """A judge whose gradient is known: the sum of slope times image."""

    def __init__(self, slope: Tensor) -> None:
        super().__init__()
        self.slope = nn.Parameter(slope.clone())
        self.asked: list[torch.dtype | None] = []

    def forward(self, images: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        self.asked.append(dtype)
        return (images * self.slope).sum((1, 2, 3))[:, None]


def new_adversary(seed: int = 4, **options) -> Adversary:
    torch.manual_seed(0)
    discriminator = Discriminator(SIZE, {4: 16, 8: 16, 16: 8}, **options)
    return Adversary(discriminator, RIVALRY, seed=seed)


def smooth_and_rough(step: int, count: int = 8) -> tuple[Tensor, Tensor]:
    """Smooth images as real ones, rough ones of the same mean and deviation as fakes."""
    draw = torch.Generator().manual_seed(step)
    smooth = F.interpolate(torch.randn(count, 3, 4, 4, generator=draw), size=SIZE, mode="bilinear")
    return 0.4 * smooth / smooth.std(), 0.4 * torch.randn(count, 3, SIZE, SIZE, generator=draw)


@pytest.fixture(scope="module")
def trained() -> tuple[Adversary, list[float]]:
    adversary = new_adversary()
    return adversary, [adversary.update(*smooth_and_rough(step)) for step in range(60)]


def test_it_learns_to_tell_two_kinds_of_images_apart(trained):
    adversary, losses = trained
    assert losses[0] > 1
    assert sum(losses[-5:]) / 5 < 0.3
    real, fake = smooth_and_rough(1000, count=64)
    with torch.no_grad():
        assert (adversary.discriminator(real) > 0).float().mean() > 0.95
        assert (adversary.discriminator(fake) < 0).float().mean() > 0.95


def test_its_loss_leads_images_towards_the_real_ones(trained):
    adversary, _ = trained
    _, fake = smooth_and_rough(2000)
    fake.requires_grad_(True)
    before = adversary.generator_loss(fake)
    for _ in range(20):
        (gradient,) = torch.autograd.grad(adversary.generator_loss(fake), fake)
        fake.data -= 0.05 * gradient / gradient.square().mean().sqrt()
    assert adversary.generator_loss(fake) < 0.2 * before


def test_losses_are_the_logistic_ones_of_the_logits():
    slope, images = torch.zeros(3, SIZE, SIZE), torch.zeros(2, 3, SIZE, SIZE)
    slope[:, 4:12, 4:12] = 0.1  # the same for mirrored and moved images, whose contents stay inside
    images[0, 0, 7:9, 7:9], images[1, 0, 7:9, 7:9] = 2.0, -3.0
    adversary = Adversary(Linear(slope), RIVALRY, seed=0)
    expected = (math.log1p(math.exp(-0.8)) + math.log1p(math.exp(1.2))) / 2
    assert adversary.generator_loss(images).item() == pytest.approx(expected, rel=1e-5)
    loss = adversary.update(images[:1], images[1:])
    assert loss == pytest.approx(math.log1p(math.exp(-0.8)) + math.log1p(math.exp(-1.2)), rel=1e-5)


def test_no_gradient_of_an_update_reaches_the_generator():
    real, fake = (images.requires_grad_(True) for images in smooth_and_rough(0))
    adversary = new_adversary()
    adversary.update(real, fake)
    assert real.grad is None
    assert fake.grad is None
    kept = [p.grad for p in adversary.discriminator.parameters()]
    adversary.generator_loss(fake).backward()
    assert torch.any(fake.grad != 0)
    assert all(p.grad is g for p, g in zip(adversary.discriminator.parameters(), kept, strict=True))


def test_the_penalty_is_the_squared_gradient_norm():
    slope = torch.randn(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    linear, images = Linear(slope), torch.randn(5, 3, SIZE, SIZE)
    penalty = gradient_penalty(linear, images)
    assert penalty.item() == pytest.approx(slope.square().sum().item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(penalty, linear.slope)
    torch.testing.assert_close(gradient, 2 * slope)
    # Half the squared norm of an image has the image as its gradient: the mean is over images.
    penalty = gradient_penalty(lambda x, dtype: 0.5 * x.square().sum((1, 2, 3))[:, None], images)
    assert penalty.item() == pytest.approx(images.square().sum().item() / 5, rel=1e-5)


def test_the_penalty_comes_every_sixteenth_update_in_full_precision():
    judge = Linear(torch.ones(3, SIZE, SIZE))
    adversary = Adversary(judge, RIVALRY, seed=0)
    changed = []
    for update in range(34):  # of black images, whose logistic loss has no gradient
        before = judge.slope.detach().clone()
        adversary.update(*torch.zeros(2, 2, 3, SIZE, SIZE))
        if not torch.equal(judge.slope, before):
            changed.append(update)
            assert torch.all(judge.slope < before)
    assert changed == [0, 16, 32]
    assert judge.asked.count(torch.float32) == 3


def test_the_penalty_weighs_as_if_it_came_every_time():
    slope = torch.ones(3, SIZE, SIZE)
    judge = Linear(slope)
    Adversary(judge, RIVALRY, seed=0).update(*torch.zeros(2, 2, 3, SIZE, SIZE))
    # Half of gamma times the squared norm has the gradient gamma times the slope.
    torch.testing.assert_close(judge.slope.grad, 16 * RIVALRY.gamma * slope)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_interrupted_training_goes_on_the_same(tmp_path, dtype):
    whole = new_adversary(compute_dtype=dtype)
    expected = [whole.update(*smooth_and_rough(step)) for step in range(22)]
    cut = new_adversary(compute_dtype=dtype)
    for step in range(15):
        cut.update(*smooth_and_rough(step))
    Checkpoint(tmp_path / "c.pt", adversary=cut).save(15)
    other = new_adversary(compute_dtype=dtype)
    other.update(*smooth_and_rough(99))
    torch.manual_seed(123)
    start = Checkpoint(tmp_path / "c.pt", adversary=other).restore()
    assert [other.update(*smooth_and_rough(step)) for step in range(start, 22)] == expected[15:]
    fake = smooth_and_rough(50)[1]
    assert torch.equal(other.generator_loss(fake), whole.generator_loss(fake))
    found = other.discriminator.state_dict()
    assert all(torch.equal(value, found[name]) for name, value in whole.discriminator.state_dict().items())


def test_the_weight_is_zero_then_rises_in_a_line_then_stays():
    adversary = Adversary(Linear(torch.zeros(1)), RIVALRY, seed=0)
    weights = [adversary.weight(step) for step in range(60)]
    assert weights[:10] == [0.0] * 10
    assert weights[10] == pytest.approx(0.1 / 20)
    assert weights[19] == pytest.approx(0.05)
    rises = [after - before for before, after in itertools.pairwise(weights[9:30])]
    assert rises == pytest.approx([0.1 / 20] * 20)
    assert weights[29:] == [0.1] * 31


def test_the_penalty_factor_follows_the_heuristic():
    assert penalty_factor(1024, 32) == pytest.approx(6.5536)
    assert penalty_factor(128, 16) == pytest.approx(0.2048)


def test_jitter_mirrors_and_moves_every_image_on_its_own():
    size, reach = 32, 2
    images = torch.rand(40, 3, size, size) + 1
    found = jitter(images, torch.Generator().manual_seed(1))
    seen = set()
    for image, moved in zip(images, found, strict=True):
        matches = [
            (flip, dy, dx)
            for flip in (False, True)
            for dy in range(-reach, reach + 1)
            for dx in range(-reach, reach + 1)
            if torch.equal(moved, shifted(image.flip(2) if flip else image, dy, dx))
        ]
        assert len(matches) == 1
        seen.add(matches[0])
    assert {flip for flip, _, _ in seen} == {False, True}
    assert {dy for _, dy, _ in seen} == {dx for _, _, dx in seen} == {-2, -1, 0, 1, 2}
    assert torch.equal(jitter(images, torch.Generator().manual_seed(1)), found)
    assert not torch.equal(jitter(images, torch.Generator().manual_seed(2)), found)


def shifted(image: Tensor, dy: int, dx: int) -> Tensor:
    """The image moved down by dy and right by dx, zeros behind it."""
    moved = image.roll((dy, dx), (1, 2)).clone()
    rows, columns = moved.shape[1:]
    moved[:, : max(dy, 0)] = moved[:, rows + min(dy, 0) :] = 0
    moved[:, :, : max(dx, 0)] = moved[:, :, columns + min(dx, 0) :] = 0
    return moved
