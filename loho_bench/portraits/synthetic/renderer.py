"""From parameters to a portrait: backdrop, hair behind, body, head, hair in front, fine texture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from loho_bench.errors import UserError
from loho_bench.networks.graphonomy import BACKGROUND, CLOTHES, FACE, HAIR, SKIN
from loho_bench.portraits.synthetic.colours import hair_colour, hsv
from loho_bench.portraits.synthetic.drawing import Canvas
from loho_bench.portraits.synthetic.face import paint_features
from loho_bench.portraits.synthetic.hair import grow
from loho_bench.portraits.synthetic.head import Camera, landmarks_3d
from loho_bench.portraits.synthetic.head_painting import paint_body, paint_head
from loho_bench.portraits.synthetic.parameters import Background, PortraitParameters
from loho_bench.portraits.synthetic.strands import cut_and_shade, draw_pieces, lay_hair, scalp_dots
from loho_bench.portraits.synthetic.streaks import strand_directions, streaks

LABELS = (BACKGROUND, HAIR, CLOTHES, SKIN, FACE)
"""The classes of CIHP that a synthetic portrait shows, in ascending order."""
SMALLEST, LARGEST = 64, 1024


@dataclass(frozen=True)
class Rendered:
    """A portrait and what is known of it exactly.

    image: uint8 [S, S, 3] RGB. labels: uint8 [S, S], class ids of CIHP: 0 background, 2 hair, 5 upper
    clothes, 10 neck and ears, 13 face. landmarks: float32 [68, 2], (x, y) as fractions of the frame in
    iBUG order, hidden points included.
    """

    image: np.ndarray
    labels: np.ndarray
    landmarks: np.ndarray

    @property
    def hair(self) -> np.ndarray:
        """bool [S, S]."""
        return self.labels == HAIR

    @property
    def face(self) -> np.ndarray:
        """bool [S, S]."""
        return self.labels == FACE


def render(parameters: PortraitParameters, size: int = 128) -> Rendered:
    """Draw a portrait of `size` x `size` pixels. The same parameters give the same bytes.

    Raises UserError unless `size` is a multiple of 4 from 64 to 1024.
    """
    if not (SMALLEST <= size <= LARGEST and size % 4 == 0):
        raise UserError(
            f"Synthetic portraits cannot be {size} pixels wide",
            cause="The size must be a multiple of 4.",
            remedy=f"Choose one from {SMALLEST} to {LARGEST}, such as 128 or 256.",
        )
    # Drawn at least twice as large, and averaged: smooth edges and fair label borders.
    scale = max(2, 256 // size)
    points = landmarks_3d(parameters.identity, parameters.expression)
    camera = Camera.aligned(parameters.pose, points, size * scale)
    landmarks = camera.project(points)
    backdrop = _backdrop(parameters.background, camera.size // 4)
    backdrop = cv2.resize(backdrop, (camera.size, camera.size), interpolation=cv2.INTER_LINEAR)
    canvas = Canvas(backdrop, camera.unit)
    light = np.array([parameters.light.x, parameters.light.y, 0.85])
    light /= np.linalg.norm(light)

    base = hair_colour(parameters.hair_colour)
    hair = grow(parameters.identity, parameters.hair_shape, parameters.hair_texture)
    pieces = cut_and_shade(hair, camera, light, parameters.hair_colour.streak, parameters.hair_shape.lift)
    behind = draw_pieces(
        camera, pieces.only(~pieces.in_front | ((pieces.depth < -0.06) & (pieces.thickness > 1)))
    )
    lay_hair(canvas, behind, parameters.hair_colour, base, darkness=0.76)
    paint_body(canvas, parameters, camera, landmarks)
    paint_head(canvas, parameters, camera, landmarks, light)
    paint_features(canvas, parameters, landmarks)
    in_front = pieces.only(pieces.in_front)
    before = draw_pieces(camera, in_front, scalp_dots(hair, camera))
    _cast_shadow(canvas, before[..., 1], parameters.light.x)
    lay_hair(canvas, before, parameters.hair_colour, base, darkness=1.0)

    image = cv2.resize(canvas.image, (size, size), interpolation=cv2.INTER_AREA)
    shares = np.stack([_share(canvas.labels == label, size) for label in LABELS])
    labels = np.array(LABELS, np.uint8)[shares.argmax(0)]
    directions = strand_directions(in_front if len(in_front.depth) else pieces, size, camera.size)
    image = _add_texture(image, shares[LABELS.index(HAIR)], directions, parameters)
    image = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    return Rendered(image, labels, ((landmarks + 0.5) / camera.size).astype(np.float32))


def noise_maps(parameters: PortraitParameters, size: int = 128) -> dict[int, np.ndarray]:
    """The fine noise of a portrait: {r: float32 [r, r]}, standard normal, r = size/4, size/2 and size.

    They are the noise inputs of a generator that is to reproduce the portrait. A map depends on the
    texture seed and on r alone.
    """
    return {
        r: np.random.default_rng([parameters.texture_seed, r]).standard_normal((r, r), np.float32)
        for r in (size // 4, size // 2, size)
    }


def _add_texture(
    image: np.ndarray, hair_share: np.ndarray, directions: np.ndarray, parameters: PortraitParameters
) -> np.ndarray:
    """Grain over all, single hairs over the hair; how far they differ in shade is the hair's `streak`."""
    maps = noise_maps(parameters, len(image))
    grain = 0.006 * maps[len(image)] * (1 - hair_share)
    contrast = 0.08 + 0.45 * parameters.hair_colour.streak
    hairs = np.clip(contrast * streaks(directions, maps), -0.6, 0.9) * hair_share
    return image * (1 + grain + hairs)[..., None]


def _share(mask: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)


def _cast_shadow(canvas: Canvas, cover: np.ndarray, light_x: float) -> None:
    """Hair darkens what lies behind it, away from the light; the backdrop is too far to notice."""
    right, down = -light_x * 0.05 * canvas.unit, 0.05 * canvas.unit
    move = np.float32([[1, 0, right], [0, 1, down]])
    moved = cv2.warpAffine(cover, move, (canvas.size, canvas.size), borderMode=cv2.BORDER_REPLICATE)
    shadow = canvas.soften(moved, 0.035) * np.float32(0.30 / 255)
    canvas.image *= (1 - shadow * (canvas.labels != 0))[..., None]


def _backdrop(background: Background, size: int) -> np.ndarray:
    """A gradient of two colours with a soft glow: float32 [size, size, 3] in [0, 1]."""
    hue, saturation, value, slope, glow = (
        background.hue,
        background.saturation,
        background.value,
        background.slope,
        background.glow,
    )
    first = hsv(hue, 0.05 + 0.40 * saturation**2, 0.30 + 0.6 * value)
    second = hsv(hue + 0.25 * (slope - 0.5), 0.05 + 0.35 * saturation, 0.20 + 0.65 * glow)
    axis = ((np.arange(size) + 0.5) / size).astype(np.float32)
    x, y = axis[None, :, None], axis[:, None, None]
    share = np.clip(y * (0.4 + 0.6 * slope) + x * (glow - 0.5), 0, 1)
    spot_x = np.exp(-((x - 0.15 - 0.7 * saturation) ** 2) / (0.02 + 0.04 * value))
    spot_y = np.exp(-((y - 0.2 - 0.5 * slope) ** 2) / (0.02 + 0.04 * value))
    picture = first * (1 - share) + second * share + spot_x * spot_y * (0.22 * (glow - 0.4))
    return np.clip(picture, 0, 1).astype(np.float32)
