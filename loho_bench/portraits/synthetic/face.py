"""The features: nose, mouth, eyes and brows, drawn through the landmarks. `landmarks` are pixels [68, 2]."""

from __future__ import annotations

import numpy as np

from loho_bench.portraits.synthetic.colours import brow_colour, iris_colour, skin_colour
from loho_bench.portraits.synthetic.drawing import Canvas
from loho_bench.portraits.synthetic.parameters import PortraitParameters


def paint_features(canvas: Canvas, parameters: PortraitParameters, landmarks: np.ndarray) -> None:
    """Draw all features over a painted head."""
    skin = skin_colour(parameters.identity)
    _paint_nose(canvas, skin, landmarks)
    _paint_mouth(canvas, parameters, skin, landmarks)
    _paint_eye(canvas, parameters, skin, landmarks[36:42])
    _paint_eye(canvas, parameters, skin, landmarks[42:48])
    _paint_brow(canvas, parameters, landmarks[17:22], inner_last=True)
    _paint_brow(canvas, parameters, landmarks[22:27], inner_last=False)


def _paint_nose(canvas: Canvas, skin: np.ndarray, landmarks: np.ndarray) -> None:
    cover = canvas.soften(canvas.line(_rounded(landmarks[31:36]), 0.025, 170), 0.010)
    for outer, inner in ((31, 32), (35, 34)):
        nostril = 0.6 * landmarks[inner] + 0.4 * landmarks[outer] - np.array([0, 0.01 * canvas.unit])
        canvas.ellipse(nostril, (0.04, 0.020), value=230, into=cover)
    canvas.blend(skin * np.array([0.42, 0.28, 0.25], np.float32), cover, 0.8)


def _paint_mouth(
    canvas: Canvas, parameters: PortraitParameters, skin: np.ndarray, landmarks: np.ndarray
) -> None:
    lip = skin * np.array([0.86, 0.52, 0.52], np.float32) + np.array([0.05, 0, 0.01], np.float32)
    outer, inner = landmarks[48:60], landmarks[60:68]
    canvas.blend(lip, canvas.soften(canvas.polygon(outer), 0.010), 0.85)
    canvas.blend(lip * 0.82, canvas.polygon(np.concatenate([outer[:7], inner[:5][::-1]])), 0.6)
    opening = canvas.polygon(inner)
    canvas.blend(np.array([0.22, 0.07, 0.07], np.float32), opening, 0.9)
    if parameters.expression.mouth_opening > 0.02:
        upper, lower = inner[1:4], inner[[7, 6, 5]]
        edge = upper + 0.45 * (lower - upper)
        teeth = canvas.polygon(np.concatenate([inner[:5], edge[::-1]])) & opening
        canvas.blend(np.array([0.93, 0.91, 0.88], np.float32), teeth, 0.9)
    canvas.blend(
        skin * np.array([0.35, 0.18, 0.18], np.float32), canvas.line(_rounded(inner[:5]), 0.018, 220), 0.8
    )
    shine = canvas.ellipse(
        (landmarks[57] + landmarks[66]) / 2, (0.10, 0.02 * parameters.identity.lip_fullness)
    )
    canvas.blend(np.array([1, 0.9, 0.88], np.float32), canvas.soften(shine, 0.02), 0.26)


def _paint_eye(canvas: Canvas, parameters: PortraitParameters, skin: np.ndarray, eye: np.ndarray) -> None:
    """`eye` pixels [6, 2] in iBUG order: corner, two of the upper lid, corner, two of the lower lid."""
    unit, iris = canvas.unit, iris_colour(parameters.identity)
    upper, lower = _rounded(eye[[0, 1, 2, 3]]), _rounded(eye[[3, 4, 5, 0]])
    opening = canvas.polygon(np.concatenate([upper, lower]))
    white = np.array([0.93, 0.92, 0.91], np.float32) * (0.80 + 0.2 * skin.mean())
    canvas.blend(white, opening)
    gaze = eye.mean(0) + np.array([0.08 * parameters.pose.yaw, -0.03 * parameters.pose.pitch]) * unit
    radius = 0.080 * parameters.identity.eye_size
    disc = canvas.ellipse(gaze, (radius, radius))
    core = canvas.ellipse(gaze, (0.82 * radius, 0.82 * radius))
    pupil = canvas.ellipse(gaze, (0.42 * radius, 0.42 * radius))
    spark = canvas.ellipse(gaze + np.array([0.03 * parameters.light.x + 0.01, -0.03]) * unit, (0.024, 0.024))
    canvas.blend(iris * 0.40, disc & opening)
    canvas.blend(np.minimum(iris * 1.1, 1), core & opening)
    canvas.blend(np.array([0.03, 0.03, 0.04], np.float32), pupil & opening)
    shade = canvas.soften(canvas.line(upper, 0.05), 0.015) & opening
    canvas.blend(np.array([0.10, 0.07, 0.07], np.float32), shade, 0.45)
    canvas.blend(np.ones(3, np.float32), spark & opening, 0.95)
    canvas.blend(np.array([0.10, 0.07, 0.06], np.float32), canvas.line(upper, 0.030), 0.85)
    canvas.blend(skin * 0.45, canvas.line(lower, 0.014), 0.55)
    canvas.blend(skin * 0.5, canvas.line(upper - np.array([0, 0.052 * unit]), 0.016), 0.5)


def _paint_brow(
    canvas: Canvas, parameters: PortraitParameters, brow: np.ndarray, *, inner_last: bool
) -> None:
    curve = _rounded(brow)
    taper = np.interp(np.linspace(0, 1, len(curve)), [0, 0.25, 0.5, 0.75, 1], [0.30, 0.85, 1.1, 1.15, 0.95])
    half = 0.030 * canvas.unit * parameters.identity.brow_thickness * (taper if inner_last else taper[::-1])
    offset = np.stack([np.zeros_like(half), half], 1)
    cover = canvas.polygon(np.concatenate([curve - offset, (curve + offset)[::-1]]))
    canvas.blend(brow_colour(parameters.identity), canvas.soften(cover, 0.012), 0.88)


def _rounded(points: np.ndarray, between: int = 4) -> np.ndarray:
    """A Catmull-Rom curve through pixels [n, 2], `between` steps from one to the next."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    before, start, end, after = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    t = (np.arange(between) / between)[None, :, None]
    slope_in, slope_out = (end - before) / 2, (after - start) / 2
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * start
        + (t**3 - 2 * t**2 + t) * slope_in
        + (3 * t**2 - 2 * t**3) * end
        + (t**3 - t**2) * slope_out
    )
    return np.concatenate([curve.reshape(-1, 2), points[-1:]])
