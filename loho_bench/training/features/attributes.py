"""What can be seen of a portrait's parameters: the targets of the feature networks and of their probes.

A latent is not always visible: waves need length to unfold, dye hides pigment, the frame cuts off what hangs
below it. Each attribute is given as the picture shows it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from loho_bench.networks.graphonomy import BACKGROUND, HAIR
from loho_bench.portraits.synthetic import PortraitParameters, from_latent
from loho_bench.portraits.synthetic.colours import hair_colour, iris_colour, skin_colour
from loho_bench.portraits.synthetic.parameters import HairShape
from loho_bench.training.dataset import PortraitDataset

ATTRIBUTES = {
    "hair_colour": 3,
    "hair_length": 1,
    "hair_cut": 8,
    "hair_texture": 1,
    "hair_mess": 1,
    "skin": 3,
    "yaw": 1,
    "pitch": 1,
    "identity": 13,
    "eyes": 3,
    "expression": 2,
    "light": 2,
    "background": 3,
}
"""Numbers that describe each attribute."""

_LOWEST_SHARE = 0.98
_ROWS, _COLUMNS = 4, 2


def visible_attributes(dataset: PortraitDataset) -> dict[str, np.ndarray]:
    """Measure all portraits of a data set.

    Clothes are left out: most portraits show none.

    Returns
    -------
    dict of float32 [N, k]
        By the names and numbers k of :data:`ATTRIBUTES`:

        - ``hair_colour``, ``skin``, ``eyes``: RGB in [0, 1] in full light;
        - ``hair_length``: the row, as a fraction of the frame from its top, above which 98 % of the hair lie;
        - ``hair_cut``: share of hair in the left and right half of each quarter of the frame, from the top;
        - ``hair_texture``: mean slope of the strands' waves, those of lifted hair included, times the share
          of a whole turn that they make: less is seen as a bend. 0 is straight;
        - ``hair_mess``: disorder of the strands, the renderer's own number. It moves few pixels at this
          size: to the eye, the least of these attributes;
        - ``yaw``, ``pitch``: radians;
        - ``identity``: the face's thirteen proportions, each on its own scale;
        - ``expression``: smile and opening of the mouth;
        - ``light``: its direction to the right and downwards;
        - ``background``: mean RGB in [0, 1].
    """
    rows = [
        _seen(from_latent(latent), labels, image)
        for latent, labels, image in zip(dataset.latents, dataset.labels, dataset.images, strict=True)
    ]
    return {name: np.array([row[name] for row in rows], np.float32) for name in ATTRIBUTES}


def mirror_attributes(attributes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the attributes [N, k] of the left-right flipped portraits, in the order they came in."""
    mirrored = dict(attributes)
    mirrored["yaw"] = -attributes["yaw"]
    mirrored["light"] = attributes["light"] * torch.tensor([-1.0, 1.0])
    mirrored["hair_cut"] = attributes["hair_cut"].unflatten(1, (_ROWS, _COLUMNS)).flip(2).flatten(1)
    return mirrored


def _seen(parameters: PortraitParameters, labels: np.ndarray, image: np.ndarray) -> dict[str, np.ndarray]:
    identity, pose, expression = parameters.identity, parameters.pose, parameters.expression
    hair = labels == HAIR
    return {
        "hair_colour": hair_colour(parameters.hair_colour),
        "hair_length": [_lowest(hair)],
        "hair_cut": _shares(hair),
        "hair_texture": [_waviness(parameters)],
        "hair_mess": [parameters.hair_texture.mess],
        "skin": skin_colour(identity),
        "yaw": [pose.yaw],
        "pitch": [pose.pitch],
        "identity": list(vars(identity).values())[: ATTRIBUTES["identity"]],
        "eyes": iris_colour(identity),
        "expression": [expression.smile, expression.mouth_opening],
        "light": [parameters.light.x, parameters.light.y],
        "background": image[labels == BACKGROUND].mean(axis=0) / 255,
    }


def _waviness(parameters: PortraitParameters) -> float:
    shape, frequency = parameters.hair_shape, _wave_frequency(parameters)
    return _wave_slope(parameters) * min(1.0, frequency * _strand_length(shape) / (2 * np.pi))


def _wave_slope(parameters: PortraitParameters) -> float:
    """Amplitude times angular frequency, on average along a strand: waves grow from the root."""
    shape, texture = parameters.hair_shape, parameters.hair_texture
    length = _strand_length(shape)
    grown = 0.9 * length if 1.8 * length < 1 else 1 - 1 / (3.6 * length)
    return (texture.wave_amplitude + 0.07 * shape.lift) * grown * _wave_frequency(parameters)


def _wave_frequency(parameters: PortraitParameters) -> float:
    return parameters.hair_texture.wave_frequency + 6 * parameters.hair_shape.lift


def _strand_length(shape: HairShape) -> float:
    """Upright hair is cut shorter."""
    return shape.length + (0.16 + 0.30 * shape.length**0.6 - shape.length) * min(1.0, 2.5 * shape.lift)


def _lowest(hair: np.ndarray) -> float:
    above = np.cumsum(hair.sum(axis=1))
    return (np.searchsorted(above, _LOWEST_SHARE * above[-1]) + 1) / len(hair)


def _shares(hair: np.ndarray) -> list[float]:
    bands = np.array_split(hair, _ROWS, axis=0)
    return [part.mean() for band in bands for part in np.array_split(band, _COLUMNS, axis=1)]
