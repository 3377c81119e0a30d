"""Aligning, recolouring and pasting hair, against scikit-image and pictures whose answer is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from skimage.transform import SimilarityTransform

from loho_bench.methods.compositing import Telea
from loho_bench.methods.paste import SPEC, Paste, align, similarity_transform
from loho_bench.methods.protocol import Resources, TupleBatch

SIZE = 64


def points(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(10, 50, (68, 2))


def disc(x: float, y: float, radius: float) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    return (((columns - x) ** 2 + (rows - y) ** 2) < radius**2)[None, None].float()


def plain(*colour: float) -> torch.Tensor:
    return torch.tensor(colour)[None, :, None, None].expand(1, 3, SIZE, SIZE).clone()


@pytest.fixture
def batch() -> TupleBatch:
    """A grey scene: red hair over the face of I1, blue hair of I2 eight pixels to the left, green in I3."""
    landmarks = torch.from_numpy(points(1)).float()[None] / SIZE
    hair1, hair2 = disc(32, 20, 12), disc(20, 22, 9)
    face = disc(32, 40, 12) * (1 - hair1)
    scene = plain(0.2, 0.2, 0.2)
    return TupleBatch(
        tuple_ids=("a",),
        seeds=(1,),
        identity=torch.where(hair1 > 0, plain(0.8, -0.8, -0.8), scene),
        structure=torch.where(hair2 > 0, plain(-0.8, -0.8, 0.8), scene),
        appearance=torch.where(hair1 > 0, plain(-0.6, 0.5, -0.6), scene),
        identity_hair=hair1,
        identity_face=face,
        structure_hair=hair2,
        structure_face=face,
        appearance_hair=hair1,
        appearance_face=face,
        identity_landmarks=landmarks + torch.tensor([8.0, 0.0]) / SIZE,
        structure_landmarks=landmarks,
        appearance_landmarks=landmarks,
    )


@pytest.fixture
def paste() -> Paste:
    resources = Resources(None, None, None, torch.device("cpu"), inpainter=Telea())
    return Paste(SPEC.configure(), resources)


@pytest.mark.parametrize("seed", range(5))
def test_similarity_is_that_of_scikit_image(seed):
    rng = np.random.default_rng(seed)
    turned = SimilarityTransform(scale=rng.uniform(0.5, 2), rotation=rng.uniform(-3, 3), translation=(5, -9))
    source = points(seed)
    target = turned(source) + rng.normal(0, 3, source.shape)
    reference = SimilarityTransform.from_estimate(source, target)
    assert np.allclose(similarity_transform(source, target), reference.params[:2], atol=1e-9)


def test_similarity_never_mirrors():
    source = points(3)
    mirrored = source * [-1, 1]
    found = similarity_transform(source, mirrored)
    reference = SimilarityTransform.from_estimate(source, mirrored)
    assert np.linalg.det(found[:, :2]) > 0
    assert np.allclose(found, reference.params[:2], atol=1e-9)


@pytest.mark.parametrize("broken", [np.full((68, 2), np.nan), np.ones((68, 2))])
def test_unknown_landmarks_are_refused(broken):
    with pytest.raises(ValueError, match="landmarks"):
        similarity_transform(broken, points(0))
    with pytest.raises(ValueError, match="landmarks"):
        similarity_transform(points(0), broken * np.nan)


def test_align_moves_a_picture_with_its_landmarks(batch):
    moved, mask = align(batch.structure, batch.structure_hair, batch)
    expected = batch.structure.roll(8, dims=3)
    assert (moved - expected)[..., 12:-12].abs().max() < 0.05
    assert torch.equal(mask, batch.structure_hair.roll(8, dims=3))


def test_align_needs_landmarks(batch):
    with pytest.raises(ValueError, match="no landmarks"):
        align(batch.structure, batch.structure_hair, dataclasses.replace(batch, identity_landmarks=None))


def test_the_hair_lies_where_the_face_is_and_has_the_appearance_colour(paste, batch):
    found = paste.transfer(batch)
    inside = disc(28, 22, 6) > 0
    assert (found.images - plain(-0.6, 0.5, -0.6))[inside.expand(-1, 3, -1, -1)].abs().max() < 0.03
    # What stood out of the identity's own hair is background again, and nothing else has changed.
    former = (batch.identity_hair > 0) & (disc(28, 22, 12) == 0)
    assert former.sum() > 20
    assert (found.images - 0.2)[former.expand(-1, 3, -1, -1)].abs().max() < 0.1
    face = (batch.identity_face > 0) & (disc(32, 20, 16) == 0) & (disc(28, 22, 14) == 0)
    change = (found.images - batch.identity)[face.expand(-1, 3, -1, -1)]
    assert change.abs().max() < 0.01, "the soft edge of the face alone may show what was inpainted behind it"
    assert found.inpainting == Telea().name
    assert found.images.abs().max() <= 1


def test_edges_are_soft(paste, batch):
    mask = paste.transfer(batch).foreground_mask
    assert ((mask > 0.01) & (mask < 0.99)).any()
    assert mask.max() > 0.99


def test_a_batch_gives_what_its_members_give_alone(paste, batch):
    other = dataclasses.replace(
        batch, structure=batch.structure.flip(3), structure_hair=batch.structure_hair.flip(3)
    )
    pair = TupleBatch(
        tuple_ids=("a", "b"),
        seeds=(1, 2),
        **{name: torch.cat([value, other._tensors()[name]]) for name, value in batch._tensors().items()},
    )
    together = paste.transfer(pair).images
    assert (together[:1] - paste.transfer(batch).images).abs().max() < 1e-6
    assert (together[1:] - paste.transfer(other).images).abs().max() < 1e-6
    assert (together[:1] - together[1:]).abs().max() > 0.1
