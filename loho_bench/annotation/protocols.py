"""What the benchmark asks of a parser and of a landmark detector, whatever network is behind it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


class Parser(Protocol):
    """Names the class of every pixel.

    ``size`` is the side in pixels at which portraits are shown to it for annotation.
    """

    size: int

    def parse(self, images: Tensor) -> Tensor:
        """Label portraits.

        Parameters
        ----------
        images : Tensor [N, 3, H, W] float32, RGB in [-1, 1]

        Returns
        -------
        Tensor [N, H, W] uint8
            Class ids of CIHP as Graphonomy numbers them (hair 2, face 13), without gradient.
        """
        ...


class LandmarkDetector(Protocol):
    """Finds the 68 landmarks of a face.

    ``size`` is the side in pixels at which portraits are shown to it for annotation.
    """

    size: int

    def detect(self, images: Tensor) -> Tensor:
        """Find the landmarks of portraits that show one face each.

        Parameters
        ----------
        images : Tensor [N, 3, H, W] float32, RGB in [-1, 1]

        Returns
        -------
        Tensor [N, 68, 2] float32
            (x, y) as fractions of the frame's width and height, iBUG order, hidden points included, without
            gradient.
        """
        ...


@runtime_checkable
class ExplainingDetector(LandmarkDetector, Protocol):
    """A landmark detector that can fail, and says why."""

    def detect_explained(self, images: Tensor) -> tuple[Tensor, list[str]]:
        """Find the landmarks, and what was in the way.

        Parameters
        ----------
        images : Tensor [N, 3, H, W] float32, RGB in [-1, 1]

        Returns
        -------
        landmarks : Tensor [N, 68, 2] float32
            As of ``LandmarkDetector.detect``; not a number where no face was found.
        remarks : list of str
            Why a portrait has no landmarks, or what is doubtful about them; else "".
        """
        ...
