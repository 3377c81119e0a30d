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

    @property
    def profile(self) -> Literal["paper", "fast"]:
        """Say whether anything saves time that changes the mathematics of the paper: "fast" if so."""
        return "paper"


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


class EarlyStopSettings(StrictModel):
    """Let a tuple that has stopped getting better go on to the next part of the optimisation."""

    tolerance: float = Field(0.02, ge=0, lt=1)
    """Share of all that the losses fell by in this part; a window that brings less ends it. 0 never does."""

    window: float = Field(0.1, gt=0, le=0.5)
    """Length of a window, as a share of its stage's iterations; at least one iteration is taken."""


class CoarseToFineSettings(StrictModel):
    """Begin each stage with a smaller generator image, and losses on it."""

    stage_one: float = Field(0.0, ge=0, le=0.9)
    """Share of the iterations of stage 1 that see it."""

    stage_two: float = Field(0.0, ge=0, le=0.9)
    """Share of the iterations of stage 2 that see it."""

    divisor: Literal[2, 4, 8] = 2
    """How many times smaller than the generator's own it is; losses are evaluated on it, or on the working
    resolution where that is smaller still."""


class StartSettings(StrictModel):
    """Start from W+ that a ridge regression reads off the portraits, and not from the mean latent."""

    portraits: int = Field(0, ge=0)
    """Random portraits of the generator, made once, that the regression learns from; 0: the mean latent."""

    resolution: int = Field(32, ge=8, le=128)
    """Frame, in pixels, on which portraits are compared."""

    ridge: float = Field(1.0, gt=0)
    """Penalty of the regression, in units of the mean squared length of the portraits."""


class LohoFastSettings(LohoSettings):
    """LOHO in less time by changes to its mathematics, each of which can be switched off by itself."""

    iterations: float = Field(0.45, gt=0, le=1)
    """Share of LOHO's iterations that are run; the schedules go over these."""

    rate: float = Field(2.0, gt=0)
    """Factor of LOHO's learning rate: steps are longer where they are fewer."""

    early_stop: EarlyStopSettings = EarlyStopSettings()
    """Leave a part of the optimisation that has reached a plateau, every tuple by its own losses."""

    coarse_to_fine: CoarseToFineSettings = CoarseToFineSettings()
    """Begin on small images."""

    start: StartSettings = StartSettings()
    """Where the optimisation starts."""

    joint: Literal[False] = False

    @property
    def profile(self) -> Literal["paper", "fast"]:
        """ "fast" where any of the accelerations is on."""
        changes = (
            self.iterations < 1,
            self.rate != 1,
            self.early_stop.tolerance,
            self.coarse_to_fine.stage_one,
            self.coarse_to_fine.stage_two,
            self.start.portraits,
        )
        return "fast" if any(changes) else "paper"

    def as_run(self) -> LohoFastSettings:
        """Give the settings with the iterations and the learning rate that are really used."""
        lengths = {
            name: max(1, round(self.iterations * count)) if (count := getattr(self, name)) else 0
            for name in ("steps_stage_one", "steps_stage_two")
        }
        rate = self.rate * self.learning_rate
        return self.model_copy(update={**lengths, "learning_rate": rate, "iterations": 1.0, "rate": 1.0})
