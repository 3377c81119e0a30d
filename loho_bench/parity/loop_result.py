"""The image at the end of LOHO's loop: made from the stored result, and laid over the stored background."""

from __future__ import annotations

import re
from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch import Tensor

from loho_bench.methods.compositing import blend
from loho_bench.networks.stylegan2 import Generator
from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.noise import levels

ONE_LEVEL = 1.5
"""Grey levels: rounding decides between neighbours, no more."""
_NAME = re.compile(r"final\.(?P<what>img_gen|background|result)_\d+_bgr_u8")


@torch.no_grad()
def compare_result(check: Checks, generator: Generator, stored: dict[str, Tensor]) -> Iterator[Comparison]:
    """Compare the synthesized image and the blend, in grey levels.

    Background and soft mask are the reference's own: the tools that made them are not published.
    """
    final = {found["what"]: stored[name] for name in stored if (found := _NAME.fullmatch(name))}
    if "img_gen" not in final:
        return
    image = generator.synthesis(stored["final.latent"], levels(stored, "final.noise"))
    wanted = final["img_gen"]
    yield check.absolute("result: image, 8 bits", _pixels(image, wanted.shape[0]), wanted, ONE_LEVEL)
    if "result" in final and "background" in final:
        mask = stored["final.softmask_first_channel_f16"].float()[None, None]
        layers = (final[name].float().permute(2, 0, 1)[None] for name in ("img_gen", "background"))
        blended = blend(*layers, mask)[0].permute(1, 2, 0).floor()
        yield check.absolute("result: blend, 8 bits", blended, final["result"], ONE_LEVEL)


def _pixels(image: Tensor, size: int) -> np.ndarray:
    """Return ``[size,size,3]`` BGR as the authors write it: cut to 8 bits, then enlarged."""
    bgr = image[0].clamp(-1, 1).permute(1, 2, 0).numpy()[..., ::-1]
    return cv2.resize(((bgr + 1) * 127.5).astype(np.uint8), (size, size), interpolation=cv2.INTER_LINEAR)
