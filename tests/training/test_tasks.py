"""Tasks of feature networks: mirrored batches, half size, and what the loss compares."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from loho_bench.portraits.synthetic import LABELS
from loho_bench.training.features.attributes import ATTRIBUTES
from loho_bench.training.features.tasks import REGRESSED, TaskHeads, Tasks, regression_loss, task_loss

WIDTHS = (4, 4, 8, 8, 8)


@pytest.fixture(scope="module")
def tasks(portraits) -> Tasks:
    return Tasks(portraits)


def draw(tasks: Tasks, size: int = 128):
    index = np.arange(40)
    return index, *tasks.batch(index, size, torch.Generator().manual_seed(0))


def test_half_of_a_batch_is_mirrored_with_its_answers(tasks, portraits):
    index, images, wanted = draw(tasks)
    plain = portraits.batch(index)
    flipped = torch.tensor([torch.equal(a, b.flip(-1)) for a, b in zip(images, plain, strict=True)])
    kept = torch.tensor([torch.equal(a, b) for a, b in zip(images, plain, strict=True)])
    assert (flipped ^ kept).all()
    assert 8 < flipped.sum() < 32
    column = sum(list(ATTRIBUTES.values())[: list(ATTRIBUTES).index("yaw")])
    latent = torch.from_numpy(portraits.latents[:, 16]).float()
    side = torch.where(flipped, -latent, latent)
    assert torch.corrcoef(torch.stack([side, wanted["table"][:, column]]))[0, 1] > 0.98
    # A landmark's x: the tip of the jaw lies where the mirrored picture has it.
    jaw = torch.from_numpy(portraits.landmarks[:, 8, 0])
    jaw = torch.where(flipped, 1 - jaw, jaw)
    found = wanted["table"][:, sum(ATTRIBUTES.values()) + 2 * 8]
    assert torch.corrcoef(torch.stack([jaw, found]))[0, 1] > 0.999


def test_answers_are_in_units_of_the_deviation(tasks):
    _, _, wanted = draw(tasks)
    assert wanted["table"].shape == (40, REGRESSED)
    kept = wanted["table"][:, :3]
    torch.testing.assert_close(kept.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(kept.std(0), torch.ones(3), atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [128, 64])
def test_labels_lie_on_half_the_images_grid(tasks, size):
    _, images, wanted = draw(tasks, size)
    assert images.shape == (40, 3, size, size)
    assert wanted["labels"].shape == (40, size // 2, size // 2)
    assert int(wanted["labels"].max()) < len(LABELS)
    assert torch.equal(wanted["images"], images)
    # Hair is nearer to its own mean colour than to the background's: labels are where the hair is.
    small = F.avg_pool2d(images, 2)
    inside = (wanted["labels"] == LABELS.index(2))[:, None]
    spread = [((small * m).sum((2, 3)) / m.sum((2, 3)).clamp(min=1)) for m in (inside, ~inside)]
    shifted = inside.roll(size // 4, dims=-1)
    wrong = [((small * m).sum((2, 3)) / m.sum((2, 3)).clamp(min=1)) for m in (shifted, ~shifted)]
    assert (spread[0] - spread[1]).abs().mean() > 1.2 * (wrong[0] - wrong[1]).abs().mean()


def test_heads_answer_in_the_shapes_that_the_loss_compares(tasks):
    torch.manual_seed(0)
    _, images, wanted = draw(tasks, 64)
    levels = [torch.rand(40, width, 64 >> i, 64 >> i) for i, width in enumerate(WIDTHS)]
    found = TaskHeads(WIDTHS)(levels)
    assert found[2].shape == images.shape
    loss = task_loss(found, wanted)
    assert loss.isfinite()
    loss.backward()


def test_every_attribute_counts_alike_but_texture():
    zeros, wrong = torch.zeros(2, REGRESSED), {}
    start = 0
    for name, count in (*ATTRIBUTES.items(), ("landmarks", 136)):
        table = zeros.clone()
        table[:, start : start + count] = 1
        wrong[name] = regression_loss(zeros, table).item()
        start += count
    assert start == REGRESSED
    plain = [value for name, value in wrong.items() if name != "hair_texture"]
    assert plain == pytest.approx([plain[0]] * len(plain))
    assert wrong["hair_texture"] > 2 * plain[0]
