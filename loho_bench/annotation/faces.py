"""Where the faces of a picture are: the detectors of the face-alignment library, or FFHQ's alignment."""

from __future__ import annotations

import importlib
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image

from loho_bench.compat import prepare_torchvision
from loho_bench.errors import UserError, suggest

ALIGNED = "aligned"
ALIGNED_BOX = (0.231, 0.386, 0.769, 0.908)
"""Left, top, right, bottom of the face in an FFHQ-aligned portrait, as fractions of the frame.

FAN was trained on crops around the tight box of the true landmarks, and the library's offset and scale assume
such a box (its author in issues 41 and 55 of 1adrianb/face-alignment). This is the mean of the tight boxes
of eight FFHQ portraits (standard deviation 0.014 to 0.022 each side), made symmetric: faces turn either way.
"""

_LARGEST_SIDE = 1024
"""A larger picture is reduced to this side before faces are looked for: a detector's memory grows with it."""
_SMALLEST_BOX = 8.0
"""A face of fewer pixels has no landmarks to be found."""


class FaceFinder(Protocol):
    """Finds the boxes of faces; ``reference_scale`` says how tight they are, in the library's measure."""

    reference_scale: float

    def find(self, picture: np.ndarray) -> np.ndarray:
        """Find the faces of a picture.

        Parameters
        ----------
        picture : numpy.ndarray
            ``[H, W, 3] uint8`` RGB, of any shape.

        Returns
        -------
        numpy.ndarray
            ``[F, 4] float64``: left, top, right, bottom in pixels, largest face first.
        """
        ...


class AlignedFace:
    """Takes the face to be where FFHQ's alignment puts it, whatever the picture shows."""

    def __init__(self) -> None:
        self.reference_scale = library("utils").REFERENCE_SCALE

    def find(self, picture: np.ndarray) -> np.ndarray:
        """Return the one box [1, 4] of an aligned portrait; see ``FaceFinder.find``."""
        height, width = picture.shape[:2]
        return np.array([ALIGNED_BOX]) * (width, height, width, height)


class DetectedFaces:
    """Asks a face detector of the library.

    Parameters
    ----------
    detector : object
        A ``face_alignment.detection.core.FaceDetector``.
    """

    def __init__(self, detector: Any):
        self.detector = detector
        self.reference_scale = detector.reference_scale

    def find(self, picture: np.ndarray) -> np.ndarray:
        """Return the boxes [F, 4] that the detector finds; see ``FaceFinder.find``."""
        height, width = picture.shape[:2]
        factor = max(1.0, max(height, width) / _LARGEST_SIDE)
        seen = picture.copy()
        if factor > 1:
            sides = (max(1, round(width / factor)), max(1, round(height / factor)))
            seen = np.array(Image.fromarray(picture).resize(sides, Image.Resampling.LANCZOS))
        found = [face[:4] for face in self.detector.detect_from_image(seen)]
        boxes = np.array(found, dtype=np.float64).reshape(-1, 4)
        boxes = boxes[(boxes[:, 2:] - boxes[:, :2] >= _SMALLEST_BOX).all(axis=1)]
        boxes *= np.array([width / seen.shape[1], height / seen.shape[0]] * 2)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        return boxes[np.argsort(-areas, kind="stable")]


@dataclass(frozen=True)
class _Detector:
    """A face detector of the library.

    Attributes
    ----------
    module : str
        Its package below ``face_alignment.detection``.
    files : dict of str to str
        Arguments of its constructor that are paths, and the names of their files among the weights. All are
        given: the library downloads what it is not given.
    options : dict of str to Any
        Further arguments.
    """

    module: str
    files: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)


_DETECTORS = {
    "sfd": _Detector("sfd", {"path_to_detector": "sfd"}),
    "blazeface": _Detector(
        "blazeface", {"path_to_detector": "blazeface", "path_to_anchor": "blazeface-anchors"}
    ),
    "blazeface-back": _Detector(
        "blazeface",
        {"path_to_detector": "blazeface-back", "path_to_anchor": "blazeface-back-anchors"},
        {"back_model": True},
    ),
    "retinaface": _Detector("retinaface", {"path_to_detector": "retinaface"}),
    "yunet": _Detector("yunet", {"path_to_detector": "yunet"}),
    "scrfd": _Detector("scrfd", {"path_to_detector": "scrfd"}),
}
DETECTORS = (ALIGNED, *_DETECTORS)


def load_faces(name: str, files: Mapping[str, str | Path], device: torch.device | str = "cpu") -> FaceFinder:
    """Load a face detector from files that are there.

    Parameters
    ----------
    name : str
        One of ``DETECTORS``.
    files : mapping of str to path
        Its weights by their names.
    device : torch.device or str

    Raises
    ------
    UserError
        The name is unknown, a package that the detector needs is not installed, or a file cannot be used.
    """
    if name == ALIGNED:
        return AlignedFace()
    if name not in _DETECTORS:
        raise UserError(
            f"there is no face detector '{name}'.{suggest(name, DETECTORS)}",
            cause="the name is not one of those known",
            remedy=f"choose one of {', '.join(DETECTORS)}",
        )
    # One of the detectors is built of torchvision's parts.
    prepare_torchvision()
    chosen = _DETECTORS[name]
    paths = {argument: str(files[file]) for argument, file in chosen.files.items()}
    try:
        package = library(f"detection.{chosen.module}")
        return DetectedFaces(package.FaceDetector(device=str(device), **paths, **chosen.options))
    except (UserError, ImportError) as error:
        raise UserError(
            f"cannot use the face detector '{name}'",
            cause=textwrap.shorten(str(error), 300),
            remedy="install the package that it names, or choose another detector",
        ) from error
    except Exception as error:
        # A wrong file can fail in any way inside PyTorch, NumPy or OpenCV.
        raise UserError(
            f"cannot load the face detector '{name}' from {' and '.join(paths.values())}",
            cause=textwrap.shorten(str(error), 300) or type(error).__name__,
            remedy="use the published files: 'loho-bench weights fetch' brings them",
        ) from error


def library(module: str) -> ModuleType:
    """Import a module of the face-alignment library.

    Raises
    ------
    UserError
        The library is not installed.
    """
    try:
        return importlib.import_module(f"face_alignment.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "face_alignment":
            raise
        raise UserError(
            "cannot use 2D-FAN",
            cause="the package face-alignment is not installed",
            remedy="install it: pip install face-alignment==1.5.0",
        ) from error
