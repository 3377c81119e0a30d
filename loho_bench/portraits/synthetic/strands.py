"""Hair on the canvas: pieces of strands, shaded, sorted from back to front and drawn in batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loho_bench.networks.graphonomy import HAIR
from loho_bench.portraits.synthetic.drawing import Canvas, bounding_window, draw_strands, fixed
from loho_bench.portraits.synthetic.hair import CHILDREN, POINTS, Hair, layout
from loho_bench.portraits.synthetic.head import SKULL_CENTRE, Camera
from loho_bench.portraits.synthetic.parameters import HairColour

_STEP = 3
_PIECES = (POINTS - 1) // _STEP
_DEPTHS, _TONES, _GLOSSES = 5, 10, 3
# Tones are stored in a byte: this is the brightness that 255 stands for.
_BRIGHTEST = 1.6


@dataclass(frozen=True)
class Pieces:
    """Short runs of strands, P of them: lines int32 [P, 4, 2] fixed-point pixels, depth [P] (z of the
    middle), tone and gloss [P] in [0, 1], thickness int [P] pixels, in_front bool [P]."""

    lines: np.ndarray
    depth: np.ndarray
    tone: np.ndarray
    gloss: np.ndarray
    thickness: np.ndarray
    in_front: np.ndarray

    def only(self, chosen: np.ndarray) -> Pieces:
        """The chosen ones: bool [P]."""
        return Pieces(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def cut_and_shade(hair: Hair, camera: Camera, light: np.ndarray, streak: float, lift: float) -> Pieces:
    """Pieces of all strands under `light` float64 [3] (unit vector towards the light)."""
    roots = layout()
    strands = np.concatenate([hair.guides[:, None], hair.children], 1)
    turned = camera.turned(strands)
    pixels = fixed(camera.flattened(turned))
    starts = np.arange(_PIECES) * _STEP
    lines = pixels[:, :, starts[:, None] + np.arange(_STEP + 1)]
    begin, end = turned[:, :, starts], turned[:, :, starts + _STEP]
    middle = turned[:, :, starts + 1] * 0.5 + turned[:, :, starts + 2] * 0.5
    tangent = end - begin
    tangent = tangent / (np.linalg.norm(tangent, axis=3, keepdims=True) + 1e-9)
    normal = middle - camera.rotation @ SKULL_CENTRE
    normal[..., 1] *= 0.7
    normal /= np.linalg.norm(normal, axis=3, keepdims=True) + 1e-9
    lit = normal @ light
    # Kajiya-Kay: a hair is a thin cylinder, brightest across its own direction.
    diffuse = np.sqrt(np.clip(1 - (tangent @ light) ** 2, 0, 1)) * np.clip(0.35 + 0.65 * lit, 0, 1)
    shade = 0.42 + 0.45 * diffuse + 0.14 * np.clip(normal[..., 2], 0, 1)
    shade *= 0.80 + 0.22 * (starts + 1.5) / POINTS
    lock_tone = 0.9 * roots.jitter[:, 1:2].clip(-1.6, 1.6)
    strand_tone = np.concatenate([lock_tone - 0.5, lock_tone + 0.9 * roots.child_tone], 1)
    shade = shade * np.clip(1 + (0.03 + 0.35 * streak) * strand_tone[:, :, None], 0.25, None)
    halfway = light + np.array([0, 0, 1.0])
    halfway /= np.linalg.norm(halfway)
    gloss = np.clip(1 - (tangent @ halfway) ** 2, 0, 1) ** 18 * np.clip(lit + 0.1, 0, 1)
    gloss = gloss * (0.75 + 0.25 * np.sin(3 * strand_tone)[:, :, None])
    # A guide carries the lock and thins out to its tip; children are hairs.
    thickness = np.full(lines.shape[:3], max(1, round(0.011 * camera.unit)))
    taper = np.interp(np.arange(_PIECES), [0, 1, _PIECES - 2, _PIECES - 1], [0.034, 0.036, 0.030, 0.014])
    thickness[:, 0] = np.maximum(1, np.round(taper * (1 + 0.3 * lift) * camera.unit))
    depth = middle[..., 2] - 0.04 * (np.arange(CHILDREN + 1) == 0)[None, :, None]
    # What hangs beside the head lies over ears and shoulders although it is rather far back.
    beside = np.abs(middle[..., 0]) > np.where(middle[..., 1] < 0.8, 0.74, 0.60)
    hanging = (depth > -0.70) & (middle[..., 1] > -0.15) & beside
    crown = (normal[..., 2] > -0.25) & (middle[..., 1] < -0.15)
    in_front = (depth > -0.06) | hanging | crown
    flat = [array.reshape(-1) for array in (depth, shade / _BRIGHTEST, gloss, thickness, in_front)]
    pieces = Pieces(lines.reshape(-1, _STEP + 1, 2), *flat)
    seen = (pieces.lines.max(1) > 0).all(1) & (pieces.lines.min(1) < fixed(np.float64(camera.size))).all(1)
    return pieces.only(seen)


def scalp_dots(hair: Hair, camera: Camera) -> np.ndarray:
    """Where the visible guides root: int32 [n, 2, 2] lines of no length, for `draw_pieces`."""
    roots = camera.turned(hair.guides[:, 0])
    near = (roots[:, 2] > 0.0) | ((roots[:, 2] > -0.40) & (roots[:, 1] < -0.6))
    # Dots on the outermost roots would bead the hairline.
    dots = fixed(camera.flattened(roots[near & (layout().radius < 0.94)]))
    return np.repeat(dots[:, None], 2, axis=1)


def draw_pieces(camera: Camera, pieces: Pieces, dots: np.ndarray | None = None) -> np.ndarray:
    """uint8 [S, S, 3]: tone, coverage, gloss. Few batches, deepest first, for speed.

    `dots` darken the scalp between the roots, as the shadow within dense hair does.
    """
    buffer = np.zeros((camera.size, camera.size, 3), np.uint8)
    if dots is not None and len(dots):
        draw_strands(buffer, dots, (int(0.36 / _BRIGHTEST * 255), 255, 0), max(1, round(0.095 * camera.unit)))
    if not len(pieces.depth):
        return buffer
    rank = np.argsort(np.argsort(pieces.depth, kind="stable"), kind="stable")
    layer = rank * _DEPTHS // len(rank)
    tone = np.clip(pieces.tone * _TONES, 0, _TONES - 1).astype(int)
    gloss = np.clip(pieces.gloss * _GLOSSES, 0, _GLOSSES - 1).astype(int)
    # Within a layer: thick below thin, and tones shuffled so that no tone always ends on top.
    thinness = 63 - np.minimum(pieces.thickness, 63)
    key = ((layer * 64 + thinness) * _TONES + (tone * 7) % _TONES) * _GLOSSES + gloss
    order = np.argsort(key, kind="stable")
    for batch in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
        first = batch[0]
        colour = (int((tone[first] + 0.5) * 255 / _TONES), 255, int(gloss[first] * 255 / (_GLOSSES - 1)))
        draw_strands(buffer, pieces.lines[batch], colour, int(pieces.thickness[first]))
    return buffer


def lay_hair(
    canvas: Canvas, buffer: np.ndarray, colour: HairColour, base: np.ndarray, darkness: float
) -> None:
    """Colour a buffer of `draw_pieces` with the hair's `base` RGB [3], lay it over and label it."""
    cover = np.ascontiguousarray(buffer[..., 1])
    window = bounding_window(cover)
    if window is None:
        return
    part = buffer[window].astype(np.float32) / 255
    alpha = part[..., 1:2]
    shine = np.array([1, 0.97, 0.9], np.float32) * 0.35 + base * 0.65
    # Strands are drawn onto black with soft edges: tone and gloss come weighted by alpha already.
    lit = base * (part[..., 0:1] * (_BRIGHTEST * darkness)) + shine * (
        part[..., 2:3] * (0.55 * colour.gloss * darkness)
    )
    canvas.image[window] = canvas.image[window] * (1 - alpha) + np.clip(lit, 0, 1)
    canvas.mark(cover, HAIR)
