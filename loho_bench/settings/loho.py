"""Settings of LOHO and of its ablations. The defaults are those of the paper and the authors' code."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from loho_bench.settings.base import StrictModel

Block = Annotated[int, Field(ge=1, le=5)]


class LossWeights(StrictModel):
    """The factors λ of equation 8. They belong to the real VGG16; another network needs its own."""

    face: float = Field(1.0, ge=0)
    """λ_f of the identity loss, equation 2."""

    structure: float = Field(1.0, ge=0)
    """λ_r of the hair structure loss, equation 3."""

    appearance: float = Field(40.0, ge=0)
    """λ_a of the hair appearance loss, equation 4."""

    style: float = Field(1.5e4, ge=0)
    """λ_s of the hair style loss, equation 6."""

    noise: float = Field(1e5, ge=0)
    """λ_n of the noise regularization, equation 7."""


class LohoSettings(StrictModel):
    """How LOHO optimises one tuple."""

    steps_stage_one: int = Field(1000, ge=0)
    """Iterations that rebuild face and hair structure."""

    steps_stage_two: int = Field(1000, ge=0)
    """Iterations that transfer appearance and style."""

    learning_rate: float = Field(0.1, gt=0)
    """Adam's rate before the schedule."""

    rampup: float = Field(0.05, gt=0, le=1)
    """Share of all iterations in which the rate rises linearly from 0."""

    rampdown: float = Field(0.25, gt=0, le=1)
    """Share of all iterations, at their end, in which the rate falls along a cosine."""

    latent_noise: float = Field(0.05, ge=0)
    """Noise added to W+ while optimising, in units of the deviation of W."""

    latent_noise_ramp: float = Field(0.75, gt=0, le=1)
    """Share of all iterations after which that noise has faded to nothing."""

    weights: LossWeights = LossWeights()
    """The factors of the five losses."""

    identity_blocks: tuple[Block, ...] = (1, 2, 3, 4, 5)
    """VGG blocks that the identity loss compares."""

    structure_blocks: tuple[Block, ...] = (4, 5)
    """VGG blocks that the structure loss compares."""

    margin: float = Field(5.0, ge=0, le=128)
    """Dilation and erosion of the hair mask, in pixels of a 256-pixel frame; at least 1 pixel is used."""

    masking: Literal["features", "inputs"] = "features"
    """Where masks act: 'features' is the authors' code, 'inputs' the paper's equations."""

    structure_in_stage_two: Literal["orthogonalized", "unprojected", "off"] = "orthogonalized"
    """What becomes of the structure loss once appearance and style join in."""

    joint: bool = False
    """Optimise every term from the first iteration on (both stages' iterations are run)."""

    mask_every: int = Field(1, ge=1)
    """With ``joint``: iterations between two estimates of the synthesized hair mask."""

    working_resolution: int = Field(256, ge=16, le=1024)
    """Largest frame, in pixels, on which losses are evaluated; larger images are reduced to it."""

    style_resolution: int = Field(256, ge=16, le=1024)
    """Frame, in pixels, to which masked hair is resized for the appearance and style losses."""

    trace_hair_iou_every: int = Field(0, ge=0)
    """Iterations between two entries of the hair IoU trace; 0 records the ends of the stages alone."""

    trace_gradients_every: int = Field(0, ge=0)
    """Iterations between two measurements of the structure and the reference gradient (Figure 5) by a variant
    that does not project; 0 measures none. With projection they are known in every iteration of stage 2."""

    @field_validator("identity_blocks", "structure_blocks")
    @classmethod
    def _distinct_blocks(cls, blocks: tuple[int, ...]) -> tuple[int, ...]:
        if not blocks or len(set(blocks)) != len(blocks):
            raise ValueError(f"name each VGG block once, and at least one; got {blocks}")
        return blocks

    @model_validator(mode="after")
    def _some_iterations(self) -> LohoSettings:
        if self.steps == 0:
            raise ValueError("steps_stage_one and steps_stage_two are both 0; give at least one iteration")
        return self

    @property
    def steps(self) -> int:
        """Iterations of both stages together; the schedules run over all of them."""
        return self.steps_stage_one + self.steps_stage_two


class LohoNoGoSettings(LohoSettings):
    """No-GO of the authors' code: the second stage knows nothing of the structure loss."""

    structure_in_stage_two: Literal["off"] = "off"


class LohoUnprojectedSettings(LohoSettings):
    """No-GO in the paper's words: the structure loss stays as it is."""

    structure_in_stage_two: Literal["unprojected"] = "unprojected"


class LohoOneStageSettings(LohoSettings):
    """All terms of equation 8 from the first iteration, as in column 3 of Figure 3."""

    joint: Literal[True] = True
    structure_in_stage_two: Literal["unprojected"] = "unprojected"
