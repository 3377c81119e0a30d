"""The MichiGAN that ships with the package: it loads, and hair gets shape and colour from the right ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from loho_bench.methods.compositing import Telea
from loho_bench.methods.michigan.method import Michigan
from loho_bench.methods.protocol import Resources, TupleBatch
from loho_bench.networks.graphonomy import HAIR
from loho_bench.portraits.images import to_tensor
from loho_bench.portraits.synthetic import render, sample_parameters
from loho_bench.settings.michigan import MichiganSettings
from loho_bench.weights import embedded

LARGEST = 8 * 2**20


@pytest.fixture(scope="module")
def transferred():
    """One identity and one structure, with the darkest and the lightest hair of some portraits."""
    people = [render(sample_parameters(seed), 128) for seed in range(14)]
    people = [person for person in people if person.hair.mean() > 0.15]
    people.sort(key=lambda person: person.image[person.hair].mean())
    middle = people[1:-1]
    roles = {
        "identity": [middle[0]] * 2,
        "structure": [middle[1]] * 2,
        "appearance": [people[0], people[-1]],
    }
    tensors = {}
    for role, chosen in roles.items():
        tensors[role] = to_tensor(np.stack([person.image for person in chosen]))
        for part in ("hair", "face"):
            masks = np.stack([getattr(person, part) for person in chosen])
            tensors[f"{role}_{part}"] = torch.from_numpy(masks).float()[:, None]
    batch = TupleBatch(tuple_ids=("dark", "light"), seeds=(1, 1), **tensors)
    networks = embedded.load_michigan()
    resources = Resources(None, None, None, torch.device("cpu"), inpainter=Telea(), michigan=networks)
    return batch, Michigan(MichiganSettings(), resources).transfer(batch).images


def mean_colours(images, masks):
    return (images * masks).sum((2, 3)) / masks.sum((2, 3))


def test_weights_are_stored_small_and_computed_with_in_single_precision():
    networks = embedded.load_michigan()
    for network in (networks.generator, networks.orientation_inpainter):
        assert not network.training
        assert {value.dtype for value in network.parameters()} == {torch.float32}
    sizes = [(embedded.FOLDER / f"{name}.safetensors").stat().st_size for name in ("michigan", "inpainter")]
    assert sum(sizes) < LARGEST


def test_the_colour_is_that_of_the_appearance(transferred):
    batch, images = transferred
    found = mean_colours(images, batch.structure_hair)
    wanted = mean_colours(batch.appearance, batch.appearance_hair)
    gaps = (found[:, None] - wanted[None]).abs().mean(dim=2)
    own, other = gaps.diagonal(), gaps.flip(1).diagonal()
    assert (own < 0.5 * other).all()


def test_the_hair_lies_where_the_structures_does(transferred):
    batch, images = transferred
    labels = embedded.load_parser()(images).argmax(dim=1)[:, None]
    hair, wanted = labels == HAIR, batch.structure_hair > 0
    overlap = (hair & wanted).flatten(1).sum(1) / (hair | wanted).flatten(1).sum(1)
    assert overlap.min() > 0.8
