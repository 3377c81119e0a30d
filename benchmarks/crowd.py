"""Made-up annotated portraits in quantity: landmarks and face masks of heads that nobody draws.

Heads and their alignment are those of the synthetic portraits; landmarks are off as a detector's are, and the
face is the polygon of jaw and forehead without what hair and glasses cover. The spreads are tuned by hand
until pairs are about as far apart as those of 13 real masks, and of 8 real sets of landmarks, of FFHQ.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from loho_bench.annotation.masks import pack_bits
from loho_bench.portraits.synthetic.head import Camera, landmarks_3d
from loho_bench.portraits.synthetic.parameters import Pose
from loho_bench.portraits.synthetic.sampling import LATENT_SIZE, from_latent
from loho_bench.storage import write_table

JAW, BROWS, EYES = slice(0, 17), slice(17, 27), (slice(36, 42), slice(42, 48))
WHERE_JAW_TURNS = (4, 5, 4, 4)
RIM = np.stack([f(np.linspace(0, 2 * np.pi, 16, endpoint=False)) for f in (np.cos, np.sin)], axis=1) * [
    1,
    0.7,
]
SUBPIXEL_BITS = 4


def write_crowd(path: Path, count: int, first: int = 0, size: int = 128) -> None:
    """Write the annotations table of ``count`` portraits; those of one number are the same in every table."""
    rows = []
    for number in range(first, first + count):
        generator = np.random.default_rng(number)
        landmarks = _landmarks(generator).astype(np.float32)
        face = _face(size * landmarks.astype(float), size, generator)
        rows.append(
            {
                "portrait_id": f"{number:06d}",
                "mask_size": size,
                "hair_mask": bytes(len(face) * size // 8),
                "face_mask": pack_bits(face),
                "hair_fraction": 0.3,
                "face_fraction": float(face.mean()),
                "landmarks": landmarks.ravel(),
                "status": "ok",
                "reason": "",
            }
        )
    write_table(pd.DataFrame(rows), path)


def _landmarks(generator: np.random.Generator) -> np.ndarray:
    """Return 68 points ``[68, 2]`` as fractions of the frame."""
    head = from_latent(generator.standard_normal(LATENT_SIZE))
    points = landmarks_3d(head.identity, head.expression)
    pose = Pose(yaw=0.55 * head.pose.yaw, pitch=0.8 * head.pose.pitch)
    # A detector is wrong in one direction along a whole part of the face, most of all along the jaw.
    wobble = 0.004 * generator.standard_normal((68, 2))
    wobble[JAW] = 0.014 * generator.standard_normal((4, 2)).repeat(WHERE_JAW_TURNS, axis=0)
    return Camera.aligned(pose, points, 1).project(points) + wobble


def _face(points: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    """Return the mask ``[size, size] uint8`` of the face with ``points`` (pixels)."""
    left, right, chin = points[0], points[16], points[8]
    brows = points[BROWS].mean(axis=0)
    across, up = right - left, brows - chin
    angles = np.linspace(0, np.pi, 24)[1:-1, None]
    height = 0.80 + 0.16 * generator.standard_normal()  # of the hairline
    forehead = (left + right) / 2 + 0.52 * across * np.cos(angles) + height * up * np.sin(angles)
    face = np.zeros((size, size), np.uint8)
    _fill(face, [*points[JAW], *forehead], 1)
    if generator.random() < 0.5:  # a fringe, combed to one side
        low = brows + (0.05 + 0.3 * generator.random()) * up
        slope = 0.2 * generator.standard_normal() * up
        above = [low + across + 2 * up, low - across + 2 * up]
        _fill(face, [low - across - slope, low + across + slope, *above], 0)
    for edge, inwards in ((left, across), (right, -across)):  # hair over the cheeks
        if generator.random() < 0.6:
            inner = edge + 0.13 * abs(generator.standard_normal()) * inwards
            outer = edge - inwards
            _fill(face, [inner + 2 * up, inner - 2 * up, outer - 2 * up, outer + 2 * up], 0)
    if generator.random() < 0.15:  # glasses
        for eye in EYES:
            _fill(face, points[eye].mean(axis=0) + 0.15 * np.hypot(*across) * RIM, 0)
    return face


def _fill(face: np.ndarray, corners: Sequence[np.ndarray], value: int) -> None:
    polygon = np.rint(np.array(corners) * 2**SUBPIXEL_BITS).astype(np.int32)
    cv2.fillPoly(face, [polygon], value, shift=SUBPIXEL_BITS)
