"""Settings of MichiGAN."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from loho_bench.settings.base import StrictModel

Share = Annotated[float, Field(ge=0)]


class MichiganSettings(StrictModel):
    """How MichiGAN transfers the hair of one tuple."""

    forgotten_orientation: tuple[Share, Share] = (0.0, 0.0)
    """Area of a disc that is cut out of the orientation map and left to the inpainting network, drawn between
    the two in units of the hair's area. The published loader does so, with (0.5, 1.2), where one portrait
    gives mask and orientation, as in a transfer; (0, 0) keeps all that was seen."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        low, high = self.forgotten_orientation
        if low > high:
            raise ValueError(
                f"forgotten_orientation goes from the smaller to the larger share, not {low}, {high}"
            )
        return self
