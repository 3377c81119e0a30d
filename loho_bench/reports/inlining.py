"""Pictures as text, so that the page is one file."""

from __future__ import annotations

import base64
import io

import numpy as np
from markupsafe import Markup, escape
from PIL import Image

from loho_bench.reports.figure_style import DARK, LIGHT, Theme, png_bytes

PAGE_DPI = 160


def data_uri(png: bytes) -> str:
    """Return a PNG as a ``data:`` address."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def image_uri(image: np.ndarray) -> str:
    """Return an image, uint8 ``[H, W, 3]``, as a ``data:`` address of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", optimize=True)
    return data_uri(buffer.getvalue())


def themed_figure(draw, alt: str) -> Markup:
    """Return a ``<picture>`` that follows the reader's light or dark scheme.

    Parameters
    ----------
    draw : function of a Theme to a Figure
    alt : str
        What the figure shows, for readers who cannot see it.
    """

    def uri(theme: Theme) -> str:
        return data_uri(png_bytes(draw(theme), PAGE_DPI))

    return Markup(
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{uri(DARK)}">'
        f'<img src="{uri(LIGHT)}" alt="{escape(alt)}"></picture>'
    )
