"""What lies behind hair and face: the answer that completing a portrait's background is judged by.

No portrait is drawn here, so this file is no part of the renderer's version.
"""

from __future__ import annotations

import cv2
import numpy as np

from loho_bench.portraits.synthetic.drawing import Canvas
from loho_bench.portraits.synthetic.head import Camera, landmarks_3d
from loho_bench.portraits.synthetic.head_painting import paint_body
from loho_bench.portraits.synthetic.parameters import PortraitParameters
from loho_bench.portraits.synthetic.renderer import LABELS, Rendered, _add_texture, _backdrop, _share


def render_background(parameters: PortraitParameters, size: int = 128) -> np.ndarray:
    """Draw a portrait without the person: uint8 [size, size, 3].

    Where :func:`render` shows the backdrop alone, it gives the same pixels.
    """
    return _draw(parameters, size, body=False).image


def render_behind_head(parameters: PortraitParameters, size: int = 128) -> Rendered:
    """Draw a portrait without head and hair: neck and clothes stay, and go on where they were hidden.

    The shadow that hair casts on them is not there.
    """
    return _draw(parameters, size, body=True)


def _draw(parameters: PortraitParameters, size: int, *, body: bool) -> Rendered:
    points = landmarks_3d(parameters.identity, parameters.expression)
    camera = Camera.aligned(parameters.pose, points, size * max(2, 256 // size))
    landmarks = camera.project(points)
    backdrop = _backdrop(parameters.background, camera.size // 4)
    canvas = Canvas(
        cv2.resize(backdrop, (camera.size, camera.size), interpolation=cv2.INTER_LINEAR), camera.unit
    )
    if body:
        paint_body(canvas, parameters, camera, landmarks)
    image = cv2.resize(canvas.image, (size, size), interpolation=cv2.INTER_AREA)
    shares = np.stack([_share(canvas.labels == label, size) for label in LABELS])
    nothing = np.zeros((size, size), np.float32)
    image = _add_texture(image, nothing, np.zeros((size, size, 2), np.float32), parameters)
    image = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    labels = np.array(LABELS, np.uint8)[shares.argmax(0)]
    return Rendered(image, labels, ((landmarks + 0.5) / camera.size).astype(np.float32))
