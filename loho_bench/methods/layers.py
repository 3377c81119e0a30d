"""The layers of annotated portraits as images: masks, soft masks, and backgrounds without the person.

Methods outside this package want them as files: the authors of LOHO published code that reads them, and none
that makes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from loho_bench.annotation.given import colour_masks
from loho_bench.annotation.masks import resize_mask
from loho_bench.methods.compositing import Inpainter, inpaint_background, soft_mask
from loho_bench.methods.inputs import TupleInputs
from loho_bench.portraits.images import to_tensor, to_uint8
from loho_bench.progress import get_logger, track
from loho_bench.storage import write_png


def write_layers(
    portraits: str | Path,
    annotations: Sequence[str | Path],
    out: str | Path,
    resolution: int,
    inpainter: Inpainter,
) -> int:
    """Write three images for every annotated portrait, and pass over those that are there already.

    ``masks/ID.png`` has the size of the annotations: red is hair, blue is face. ``soft_masks/ID.png`` (grey,
    255 is the person) and ``backgrounds/ID.png`` (hair and face removed, the rest continued into the hole)
    have ``resolution`` pixels: these are what LOHO's last step blends with.

    Parameters
    ----------
    portraits, annotations : paths
        Tables of the stages before.
    out : path
        Folder to write to.
    resolution : int
        Side in pixels of soft masks and backgrounds.
    inpainter : Inpainter
        Continues the backgrounds.

    Returns
    -------
    int
        Portraits written now.

    Raises
    ------
    UserError
        A table or an image cannot be read, or the folder cannot be written to.
    """
    inputs, out = TupleInputs.read(portraits, annotations, resolution), Path(out)
    usable = inputs.annotations.index[inputs.annotations["status"] == "ok"]
    # The background is written last: where it is, the other two are.
    pending = [name for name in usable if not (out / "backgrounds" / f"{name}.png").is_file()]
    for name in track(pending, "writing layers", len(pending)):
        note = inputs.annotation(name)
        person = note.hair | note.face
        soft = soft_mask(_as_batch(person), resolution)[0, 0].mul(255).round().byte().numpy()
        image = to_tensor(inputs.image(name)[None])
        background = inpaint_background(image, _as_batch(resize_mask(person, resolution)), inpainter)
        write_png(colour_masks(note.hair, note.face), out / "masks" / f"{name}.png")
        write_png(soft, out / "soft_masks" / f"{name}.png")
        write_png(to_uint8(background)[0], out / "backgrounds" / f"{name}.png")
    get_logger("layers").info("%d portraits are in %s, %d of them new", len(usable), out, len(pending))
    return len(pending)


def _as_batch(mask: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(mask).float()[None, None]
