"""Neck, clothes, ears and the shaded head: everything of the person but the features and the hair."""

from __future__ import annotations

import cv2
import numpy as np

from loho_bench.networks.graphonomy import CLOTHES, FACE, SKIN
from loho_bench.portraits.synthetic.colours import hsv, skin_colour
from loho_bench.portraits.synthetic.drawing import Canvas
from loho_bench.portraits.synthetic.head import SKULL_CENTRE, Camera, jaw_line, skull_radii
from loho_bench.portraits.synthetic.parameters import Identity, PortraitParameters


def paint_body(canvas: Canvas, parameters: PortraitParameters, camera: Camera, landmarks: np.ndarray) -> None:
    """Neck with the chin's shadow, and clothes. `landmarks` are pixels [68, 2]."""
    size, unit, light = canvas.size, canvas.unit, parameters.light
    skin, width_factor = skin_colour(parameters.identity), parameters.identity.face_width / 0.8
    chin = landmarks[8]
    middle = float(camera.project(np.array([0, 0.6, -0.25]))[0])
    half, shoulder, floor = 0.46 * unit * width_factor, chin[1] + 0.42 * unit, size + 9
    right_side = [
        (half, chin[1] - 0.6 * unit),
        (half * 0.98, shoulder - 0.22 * unit),
        (half * 1.10, shoulder - 0.02 * unit),
        (half * 1.6, shoulder + 0.12 * unit),
        (half * 1.6, floor),
    ]
    outline = [(middle + x, y) for x, y in right_side] + [(middle - x, y) for x, y in reversed(right_side)]
    neck = canvas.polygon(np.array(outline))
    across = np.clip((np.arange(size, dtype=np.float32) - middle) / (half * 1.25), -1, 1)
    shade = (0.60 + 0.30 * (across * light.x + np.sqrt(1 - across**2) * 0.75)).astype(np.float32)[None]
    shadow_centre = chin - np.array([light.x * 0.1, 0.18]) * unit
    shadow = canvas.ellipse(shadow_centre, (0.75 * parameters.identity.face_width, 0.42))
    shade = shade * (1 - np.float32(0.42 / 255) * canvas.soften(shadow, 0.07))
    canvas.blend(skin * shade[..., None], neck)
    canvas.mark(neck, SKIN)

    cloth = parameters.clothing
    along = np.linspace(-1, 1, 33)
    dip = np.clip(1 - (np.abs(along) / 0.42) ** 2, 0, 1) * (0.22 + 0.45 * cloth.neckline) * 0.55
    hem = shoulder + unit * (0.30 * np.abs(along) ** 2.2 + dip - 0.02)
    top = np.stack([middle + 1.55 * unit * along, hem], 1)
    corners = [[middle + 1.75 * unit, floor], [middle - 1.75 * unit, floor]]
    cover = canvas.polygon(np.concatenate([top, corners]))
    x, y = np.linspace(0, 1, size, dtype=np.float32)[None], np.linspace(0, 1, size, dtype=np.float32)[:, None]
    shade = 0.77 + 0.28 * np.clip(0.6 + light.x * (x - 0.5) * 2, 0, 1) - 0.10 * y
    canvas.blend(
        hsv(cloth.hue, 0.15 + 0.6 * cloth.saturation, 0.2 + 0.65 * cloth.value) * shade[..., None], cover
    )
    canvas.mark(cover, CLOTHES)
    seam = canvas.line(top, 0.03)
    canvas.blend(np.zeros(3, np.float32), seam, 0.18)


def paint_head(
    canvas: Canvas, parameters: PortraitParameters, camera: Camera, landmarks: np.ndarray, light: np.ndarray
) -> None:
    """Ears, skull and the face with its soft lights and shadows; `light` is the unit vector [3]."""
    skin, identity = skin_colour(parameters.identity), parameters.identity
    for side in (-1, 1):
        centre = camera.project(np.array([side * identity.face_width, 0.08, -0.28]))
        visible = float(np.clip(0.5 - side * 1.6 * parameters.pose.yaw, 0.15, 1))
        ear = canvas.ellipse(centre, (0.125 * visible + 0.02, 0.20), angle=side * 8)
        canvas.blend(skin * 0.80, ear)
        canvas.mark(ear, SKIN)
        hollow = canvas.ellipse(centre, (0.07 * visible, 0.12), angle=side * 8)
        canvas.blend(skin * 0.55, canvas.soften(hollow, 0.02), 0.6)
    jaw = camera.project(jaw_line(identity, 65))
    points = _skull_points(identity)
    skull = camera.project(points)
    cover = canvas.polygon(_hull(jaw, skull))
    # Shading is smooth: half the resolution is enough.
    half = Canvas(np.empty((canvas.size // 2, canvas.size // 2, 3), np.float32), canvas.unit / 2)
    shaded = _shaded_face(half, parameters, camera, landmarks / 2, light, skin)
    canvas.blend(cv2.resize(shaded, (canvas.size, canvas.size), interpolation=cv2.INTER_LINEAR), cover)
    canvas.mark(cover, SKIN)
    face = canvas.polygon(_hull(jaw, skull[points[:, 2] > SKULL_CENTRE[2]]))
    canvas.mark(face, FACE)


def _hull(*points: np.ndarray) -> np.ndarray:
    return cv2.convexHull(np.concatenate(points).astype(np.float32))[:, 0]


def _skull_points(identity: Identity) -> np.ndarray:
    """Points of the skull above the ears, whose hull is the silhouette of the back of the head."""
    polar, azimuth = np.meshgrid(np.linspace(0.05, 1.75, 12), np.linspace(-np.pi, np.pi, 36, endpoint=False))
    sphere = [np.sin(polar) * np.sin(azimuth), -np.cos(polar), np.sin(polar) * np.cos(azimuth)]
    return SKULL_CENTRE + skull_radii(identity) * np.stack(sphere, -1).reshape(-1, 3)


def _shaded_face(
    canvas: Canvas,
    parameters: PortraitParameters,
    camera: Camera,
    landmarks: np.ndarray,
    light: np.ndarray,
    skin: np.ndarray,
) -> np.ndarray:
    """Picture [S, S, 3] of lit skin: an ellipsoid's shading, then blurred shadows, blush and lights.

    `canvas` and `landmarks` are at half the resolution of the camera.
    """
    size, unit = canvas.size, canvas.unit
    centre = (camera.project(np.array([0, 0.08, 0.1])) / 2).tolist()
    towards = light.tolist()
    pixels = np.arange(size, dtype=np.float32)
    x = ((pixels - centre[0]) / (parameters.identity.face_width * 1.08 * unit))[None]
    y = ((pixels - centre[1]) / (1.22 * unit))[:, None]
    depth = np.sqrt(1 - np.minimum(x * x + y * y, 0.98))
    lit = x * towards[0] + y * (0.8 * towards[1]) + depth * towards[2]
    shade = (0.56 + 0.48 * np.clip(lit, -0.2, 1)).astype(np.float32)[..., None]
    # Light wanders under the skin: the dark side is warmer.
    face = skin * shade * (1 + (1 - shade) * np.array([0.10, -0.02, -0.06], np.float32))
    shadow, blush, glow = _soft_layers(canvas, parameters, camera, landmarks)
    face *= 1 - np.float32(0.42) * shadow
    face *= 1 + blush * np.array([0.06, -0.09, -0.075], np.float32)
    face += glow * (0.20 * skin + np.float32(0.05))
    return np.clip(face, 0, 1, out=face)


def _soft_layers(
    canvas: Canvas, parameters: PortraitParameters, camera: Camera, landmarks: np.ndarray
) -> list[np.ndarray]:
    """Blurred shadow, blush and highlight maps, each float32 [S, S, 1] in [0, 1]."""
    identity, light = parameters.identity, parameters.light

    def project(points: np.ndarray) -> np.ndarray:
        return camera.project(points) / 2

    shadow, blush, glow = canvas.empty(), canvas.empty(), canvas.empty()
    length, dark_side = identity.nose_length, -1 if light.x > 0 else 1
    for cheek in project(np.array([[-0.46, 0.36, 0.55], [0.46, 0.36, 0.55]])):
        canvas.ellipse(cheek, (0.18, 0.14), value=170, into=blush)
    for eye, brow in ((landmarks[36:42], landmarks[19]), (landmarks[42:48], landmarks[24])):
        canvas.ellipse(eye.mean(0) * 0.75 + brow * 0.25, (0.21, 0.115), value=115, into=shadow)
    nose_side = [
        [dark_side * 0.05, -0.12, 0.70],
        [0, 0.05, 0.84],
        [0, 0.34 + length, 1.0],
        [dark_side * 0.17 * identity.nose_width, 0.40 + length, 0.70],
        [dark_side * 0.11, 0.2, 0.72],
    ]
    canvas.polygon(project(np.array(nose_side)), int(60 + 90 * abs(light.x)), shadow)
    under_nose, under_lip, chin = project(
        np.array([[0, 0.50 + length, 0.74], [0, 0.88, 0.68], [0, 1.0, 0.62]])
    )
    canvas.ellipse(under_nose, (0.13 * identity.nose_width, 0.035), value=130, into=shadow)
    canvas.ellipse(under_lip, (0.16, 0.03), value=90, into=shadow)
    shift = -0.02 * dark_side
    bridge = [[shift - 0.02, -0.05, 0.78], [shift + 0.02, -0.05, 0.78], [shift + 0.025, 0.25, 0.95]]
    bridge.append([shift - 0.025, 0.25, 0.95])
    canvas.polygon(project(np.array(bridge)), 130, glow)
    tip, forehead = project(np.array([[1.5 * shift, 0.30 + length, 1.0], [5 * shift, -0.58, 0.70]]))
    canvas.ellipse(tip, (0.045, 0.05), value=215, into=glow)
    canvas.ellipse(forehead, (0.33, 0.16), value=70, into=glow)
    canvas.ellipse(chin, (0.10, 0.05), value=80, into=glow)
    for cheekbone in project(np.array([[-0.42, 0.22, 0.62], [0.42, 0.22, 0.62]])):
        canvas.ellipse(cheekbone, (0.13, 0.07), value=80, into=glow)
    widths = ((shadow, 0.045), (blush, 0.08), (glow, 0.05))
    return [canvas.soften(layer, width)[..., None] * np.float32(1 / 255) for layer, width in widths]
