"""Pictures and data as text, so that the page is one file."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from PIL import Image

FIGURE_WIDTH = 1600
FIGURE_QUALITY = 90


def webp_uri(content: bytes) -> str:
    """Return the bytes of a WebP as a ``data:`` address."""
    return "data:image/webp;base64," + base64.b64encode(content).decode("ascii")


def webp_bytes(image: np.ndarray, *, quality: int | None = None) -> bytes:
    """Return an image, uint8 ``[H, W, 3]``, as WebP: pixel for pixel, or with loss at a quality up to 100."""
    buffer = io.BytesIO()
    how: dict[str, Any] = {"lossless": True, "method": 3} if quality is None else {"quality": quality}
    Image.fromarray(image).save(buffer, format="WEBP", **how)
    return buffer.getvalue()


def figure_uri(path: Path) -> str:
    """Return a figure's file as an address, as wide as a page shows it and compressed with slight loss."""
    with Image.open(path) as image:
        shown = image.convert("RGB")
    shown.thumbnail((FIGURE_WIDTH, 4 * FIGURE_WIDTH))
    return webp_uri(webp_bytes(np.asarray(shown), quality=FIGURE_QUALITY))


def inline_json(value: object) -> Markup:
    """Return JSON that can stand inside ``<script>``: no text in it can end the element.

    Raises
    ------
    ValueError
        A number is not finite; JSON has no word for it.
    """
    return htmlsafe_json_dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
