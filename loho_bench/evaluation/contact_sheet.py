"""Portraits in rows and columns with small labels, as one picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_GAP, _MARGIN, _STRIP, _LETTERS = 4, 8, 20, 13  # pixels
_PAPER, _INK = (255, 255, 255), (64, 64, 60)


def contact_sheet(
    rows: Sequence[Sequence[np.ndarray]], headings: Sequence[str] = (), row_labels: Sequence[str] = ()
) -> np.ndarray:
    """Lay out images of one size.

    Parameters
    ----------
    rows : sequence of sequences of uint8 [S, S, 3]
        Every row has as many images.
    headings : sequence of str, optional
        One above each column.
    row_labels : sequence of str, optional
        One left of each row, written upwards; an equal one that follows is left out.

    Returns
    -------
    uint8 [H, W, 3]

    Raises
    ------
    ValueError
        Rows of different lengths, or another number of labels than rows or columns.
    """
    columns = len(rows[0])
    if any(len(row) != columns for row in rows):
        raise ValueError(f"rows of {sorted({len(row) for row in rows})} images do not make a sheet")
    if len(headings) not in (0, columns) or len(row_labels) not in (0, len(rows)):
        raise ValueError(f"{len(headings)} headings and {len(row_labels)} row labels do not fit the images")
    side = len(rows[0][0])
    left = _MARGIN + (_STRIP if row_labels else 0)
    top = _MARGIN + (_STRIP if headings else 0)
    step = side + _GAP
    width, height = left + columns * step - _GAP + _MARGIN, top + len(rows) * step - _GAP + _MARGIN
    sheet = Image.new("RGB", (width, height), _PAPER)
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            sheet.paste(Image.fromarray(image), (left + x * step, top + y * step))
    for x, text in enumerate(headings):
        sheet.paste(_label(text, side), (left + x * step, _MARGIN))
    for y, text in enumerate(row_labels):
        if y == 0 or text != row_labels[y - 1]:
            upwards = _label(text, side).transpose(Image.Transpose.ROTATE_90)
            sheet.paste(upwards, (_MARGIN, top + y * step))
    return np.asarray(sheet)


def _label(text: str, width: int) -> Image.Image:
    strip = Image.new("RGB", (width, _STRIP), _PAPER)
    font = ImageFont.load_default(_LETTERS)
    ImageDraw.Draw(strip).text((width / 2, _STRIP / 2), text, fill=_INK, font=font, anchor="mm")
    return strip
