"""2D-FAN of the face-alignment library as a landmark detector, on files that are already there.

The library (Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D face alignment problem?", ICCV
2017; package ``face-alignment``) finds faces, crops them, draws a heat map for each landmark and reads it.
Here its pieces are put together anew: they are given local files, so that nothing is ever downloaded behind
the user's back, and the faces of many portraits go through the network together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from loho_bench.annotation.faces import ALIGNED_BOX, library, load_faces
from loho_bench.errors import UserError
from loho_bench.networks.hourglass import LANDMARKS
from loho_bench.portraits.images import to_uint8
from loho_bench.weights.reading.checkpoints import load_strictly, read_checkpoint

NETWORK = "2dfan4"
"""Name of 2D-FAN's file among the weights."""
_PUBLISHED_STACKS = 4
_AT_ONCE = 16


class FanLandmarks:
    """2D-FAN as a :class:`loho_bench.annotation.protocols.LandmarkDetector`.

    Parameters
    ----------
    files : mapping of str to path
        The weights by their names: ``NETWORK``, and those of the face detector.
    detector : str
        One of ``loho_bench.annotation.faces.DETECTORS``. ``"aligned"`` takes the face to be where FFHQ's
        alignment puts it: nothing is searched for, and it therefore never fails.
    device : torch.device or str

    Raises
    ------
    UserError
        The detector is unknown, a package that it needs is not installed, or a file cannot be used.
    """

    size = 512
    """Twice what the network sees: a face takes about half of an aligned portrait's width."""

    def __init__(
        self, files: Mapping[str, str | Path], detector: str = "sfd", device: torch.device | str = "cpu"
    ):
        self.detector, self.device = detector, torch.device(device)
        self.faces = load_faces(detector, files, self.device)
        network = _load_network(Path(files[NETWORK]))
        self.network = network.to(self.device, memory_format=torch.channels_last)

    def detect(self, images: Tensor) -> Tensor:
        """Return landmarks [N, 68, 2] float32 for images [N, 3, H, W]; NaN where no face is found."""
        return self.detect_explained(images)[0]

    def detect_explained(self, images: Tensor) -> tuple[Tensor, list[str]]:
        """Find the landmarks of portraits, and say what was in the way.

        Parameters
        ----------
        images : Tensor [N, 3, H, W] float32, RGB in [-1, 1]

        Returns
        -------
        landmarks : Tensor [N, 68, 2] float32
            (x, y) as fractions of the frame; not a number where no face was found.
        remarks : list of str
            Why a portrait has no landmarks, or that it shows several faces (of which the one nearest to the
            place of an aligned face is taken); else "".
        """
        pictures = list(to_uint8(images))
        frame = np.array([images.shape[3], images.shape[2]], dtype=np.float64)
        place = _centre(np.array(ALIGNED_BOX)) * frame
        landmarks = np.full((len(pictures), LANDMARKS, 2), np.nan)
        boxes, remarks = {}, []
        for index, picture in enumerate(pictures):
            found = self.faces.find(picture)
            remarks.append(self._remark(len(found), "the landmarks are those of the one in the middle"))
            if len(found):
                boxes[index] = min(found, key=lambda box: np.hypot(*(_centre(box) - place)))
        if boxes:
            chosen = [pictures[index] for index in boxes]
            landmarks[list(boxes)] = self.locate(chosen, np.stack(list(boxes.values()))) / frame
        return torch.from_numpy(landmarks).to(images.device, torch.float32), remarks

    def largest_face(self, picture: np.ndarray) -> tuple[np.ndarray, str]:
        """Find the landmarks of the largest face of a photograph.

        Parameters
        ----------
        picture : numpy.ndarray
            ``[H, W, 3] uint8`` RGB, of any shape.

        Returns
        -------
        landmarks : numpy.ndarray
            ``[68, 2] float64`` as :meth:`locate` gives them.
        remark : str
            That there are several faces, or "".

        Raises
        ------
        UserError
            There is none.
        """
        found = self.faces.find(picture)
        remark = self._remark(len(found), "the largest is taken")
        if not len(found):
            raise UserError(
                "cannot find landmarks", cause=remark, remedy="give landmarks, or try another detector"
            )
        return self.locate([picture], found[:1])[0], remark

    @torch.inference_mode()
    def locate(self, pictures: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Find the landmarks of one face in each picture.

        The numbers are the library's, which cuts them to whole pixels: here their fractions are kept.

        Parameters
        ----------
        pictures : sequence of numpy.ndarray
            N times ``[H, W, 3] uint8`` RGB; the shapes may differ.
        boxes : numpy.ndarray
            ``[N, 4]``: a face in each, as ``faces.find`` gives them.

        Returns
        -------
        numpy.ndarray
            ``[N, 68, 2] float64``: x, y in pixels, iBUG order; the first pixel's centre is (0.5, 0.5).
        """
        utils = library("utils")
        sides = boxes[:, 2:] - boxes[:, :2]
        centres = _centre(boxes) - np.stack([0 * sides[:, 1], utils.CENTER_Y_OFFSET * sides[:, 1]], axis=1)
        scales = sides.sum(axis=1) / self.faces.reference_scale
        crops = map(utils.crop, pictures, centres, scales)
        inside = np.concatenate([_peaks(self._heatmaps(batch)).cpu().numpy() for batch in _batches(crops)])
        return (inside - 0.5) * (utils.SCALE_FACTOR * scales)[:, None, None] + centres[:, None]

    def _heatmaps(self, crops: Tensor) -> Tensor:
        """Return the heat maps [B, 68, 64, 64] of crops [B, 3, 256, 256] in [0, 1] and their mirrors."""
        crops = crops.to(self.device, non_blocking=True)
        shown = torch.cat([crops, crops.flip(-1)]).contiguous(memory_format=torch.channels_last)
        upright, mirrored = self.network(shown)[-1].float().chunk(2)
        return upright + library("utils").flip(mirrored, is_label=True)

    def _remark(self, faces: int, choice: str) -> str:
        if faces == 0:
            return f"no face found (detector '{self.detector}')"
        return "" if faces == 1 else f"{faces} faces found: {choice}"


def _centre(boxes: np.ndarray) -> np.ndarray:
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def _batches(crops: Iterator[np.ndarray]) -> Iterator[Tensor]:
    """Yield crops ``[256, 256, 3] uint8`` a few together, as [B, 3, 256, 256] float32 in [0, 1]."""
    while batch := list(islice(crops, _AT_ONCE)):
        yield torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2).float().div(255)


def _peaks(heatmaps: Tensor) -> Tensor:
    """Read heat maps as the library does: the highest cell, moved a quarter towards its neighbours.

    Parameters
    ----------
    heatmaps : Tensor [N, K, h, w]

    Returns
    -------
    Tensor [N, K, 2] float64
        (x, y) as fractions of the frame.
    """
    height, width = heatmaps.shape[2:]
    cells = heatmaps.flatten(2)
    highest = cells.argmax(dim=-1)
    row, column = highest // width, highest % width
    inner = (row > 0) & (row < height - 1) & (column > 0) & (column < width - 1)

    def value(offset: int) -> Tensor:
        return cells.gather(-1, (highest + offset).clamp(0, height * width - 1)[..., None])[..., 0]

    steps = torch.stack([value(1) - value(-1), value(width) - value(-width)], dim=-1).sign()
    position = torch.stack([column, row], dim=-1).double() + 0.5 + 0.25 * steps * inner[..., None]
    return position / position.new_tensor([width, height])


def _load_network(path: Path) -> nn.Module:
    content = read_checkpoint(path)
    tensors = content if isinstance(content, Mapping) else {}
    # Each hourglass ends in a layer of heat maps: l0, l1, ...
    stacks = sum(f"l{index}.weight" in tensors for index in range(2 * _PUBLISHED_STACKS))
    network = library("models").FAN(stacks or _PUBLISHED_STACKS)
    load_strictly(network, tensors, path)
    return network.eval().requires_grad_(False)
