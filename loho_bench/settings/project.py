"""The settings of a whole run, group by group; the JSON schema of the workflow is made from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from loho_bench.settings.base import StrictModel
from loho_bench.settings.external import ExternalSettings, MethodName
from loho_bench.settings.loho import LohoSettings
from loho_bench.settings.michigan import MichiganSettings


class PortraitSettings(StrictModel):
    """Where the portraits come from."""

    source: Literal["synthetic", "folder"] = "synthetic"
    """Draw synthetic portraits, or read a folder of images."""
    count: int = Field(480, ge=3, le=1_000_000)
    """How many synthetic portraits to draw."""
    size: int = Field(128, ge=64, le=1024)
    """Width and height of the synthetic portraits in pixels."""
    folder: str = ""
    """Folder of images, for ``source: folder``."""
    select: str = "*"
    """Which images of the folder: a pattern of their ids, such as ``6????`` for FFHQ's last 10 000."""
    expected: int = Field(0, ge=0)
    """How many images a plan reckons with while the folder is not there; 0 asks for the folder at once."""

    @model_validator(mode="after")
    def _need_a_folder(self) -> Self:
        if self.source == "folder" and not self.folder:
            raise ValueError("'source: folder' needs 'folder', the path of a folder of images")
        return self


class NetworkSettings(StrictModel):
    """Which network does which job: the small ones that ship with the package, or published checkpoints."""

    generator: Literal["embedded", "stylegan2-ffhq", "stylegan2-ffhq-nvidia"] = "embedded"
    """StyleGAN2: ``stylegan2-ffhq`` is a ``.pt`` of the common layout, the other one NVIDIA's pickle."""
    parser: Literal["embedded", "graphonomy", "bisenet", "parsenet"] = "embedded"
    """Finds hair and face: Graphonomy, or a parser of facexlib."""
    parser_scales: Literal["single", "multiple"] = "multiple"
    """Graphonomy on the portrait alone, or summed over six scales and their mirror images."""
    landmarks: Literal["embedded", "2dfan"] = "embedded"
    """Finds the 68 landmarks: 2D-FAN is that of face-alignment."""
    face_detector: Literal[
        "aligned", "sfd", "blazeface", "blazeface-back", "retinaface", "yunet", "scrfd"
    ] = "aligned"
    """Where 2D-FAN looks for the face: at its place in aligned portraits, or where a detector finds it."""
    features: Literal["embedded", "vgg16"] = "embedded"
    """What the losses and LPIPS see with: VGG16 is torchvision's with the heads of ``lpips``."""
    extractor: Literal["embedded", "inception"] = "embedded"
    """What FID and KID see with."""
    michigan: Literal["embedded", "michigan"] = "embedded"
    """MichiGAN's generator and its inpainter of hair orientation."""
    inpainter: Literal["embedded", "deepfillv2", "telea"] = "embedded"
    """Continues the background where hair and face were: gated convolutions, or Telea's classical method."""
    inception_mode: Literal["clean", "legacy_pytorch", "legacy_tensorflow"] = "clean"
    """How images reach Inception: a mode of clean-fid. Numbers of different modes do not compare."""


class WeightSettings(StrictModel):
    """Where published checkpoints lie; docs/weights.md lists them."""

    folder: str = ""
    """Folder of the files; by default that of ``LOHO_BENCH_WEIGHTS``, or a cache of the user's."""
    files: dict[str, str] = Field(default_factory=dict)
    """Paths of single files by their names in ``loho-bench weights list``."""
    mirrors: tuple[str, ...] = ()
    """Addresses or folders to fetch from before the files' own."""


class AnnotationSettings(StrictModel):
    """How hair, face and landmarks are found."""

    source: Literal["networks", "given"] = "networks"
    """Run the parser and the landmark network, or read given masks and landmarks."""
    masks: str = ""
    """Folder of RGB masks (red: hair, blue: face), for ``source: given``."""
    landmarks: str = ""
    """Table ``portrait_id,point,x,y`` of 68 points a portrait, for ``source: given``."""
    mask_size: int = Field(256, ge=32, le=1024, multiple_of=8)
    """Width and height of the stored masks in pixels."""
    shard_size: int = Field(240, ge=1)
    """Portraits annotated by one job."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the convolutions; bfloat16 is faster where processor or GPU has it, and moves edges."""

    @model_validator(mode="after")
    def _need_what_is_given(self) -> Self:
        missing = [f"'{name}'" for name in ("masks", "landmarks") if not getattr(self, name)]
        if self.source == "given" and missing:
            raise ValueError(f"'source: given' needs {' and '.join(missing)}: where these annotations lie")
        return self


class TupleSettings(StrictModel):
    """Which tuples are drawn (section 4.1 of the paper, Table 1)."""

    per_category: int = Field(12, ge=1)
    """Tuples to draw in each of Easy, Medium and Difficult."""
    minimum_hair_fraction: float = Field(0.18, ge=0, le=1)
    """Least share of hair pixels in every image of a tuple."""
    mask_size: int | None = Field(None, ge=32, le=1024, multiple_of=8)
    """Side in pixels at which faces are compared, a divisor of ``annotation.mask_size``: a pixel is face when
    at least half of those that it replaces are. By default that of the annotations."""
    landmark_frame: float = Field(128, gt=0)
    """Side in pixels of the frame on which the pose distance is measured."""
    reading: Literal["strict", "cumulative"] = "strict"
    """``strict``: both values in the ranges of one category; ``cumulative``: the harder one decides."""
    when_short: Literal["fail", "take_all"] = "fail"
    """What to do when a category has fewer eligible pairs than asked for."""
    reconstructions: int = Field(12, ge=0)
    """Portraits to reconstruct for Table 3 (the same image three times)."""
    edits: int = Field(2, ge=0)
    """Tuples whose hair is edited by one attribute, by the other, and by both (section 4.5)."""


def _in_one_message(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Say once what a batch size may be, not once for each of its types."""
    try:
        return validate(value)
    except ValidationError:
        raise ValueError("give 'auto' or a whole number of at least 1") from None


class TransferSettings(StrictModel):
    """How transfers are computed, whatever the method."""

    resolution: int = Field(128, ge=32, le=1024)
    """Width and height of the transferred portraits in pixels."""
    batch_size: Annotated[Literal["auto"] | Annotated[int, Field(ge=1)], WrapValidator(_in_one_message)] = 6
    """Tuples computed together; ``auto`` takes as many of a shard as fit into the memory that is free."""
    shard_size: int = Field(12, ge=1)
    """Tuples in one job."""
    precision: Literal["auto", "float32", "tf32", "bfloat16"] = "auto"
    """Arithmetic of the convolutions; ``auto`` takes bfloat16 where processor or GPU has it, else float32."""
    cuda_graphs: bool = False
    """Record LOHO's iterations on a GPU once and replay them: at small batches Python is slower than it."""


class ReportSettings(StrictModel):
    """What the reports show."""

    methods: tuple[str, ...] = Field(("loho", "loho-no-go", "loho-unprojected"), min_length=1)
    """Methods in ``reports/fid.csv``, the tables, the figures and the page."""
    paper: tuple[str, ...] = (
        "loho",
        "loho-no-go",
        "loho-unprojected",
        "loho-one-stage",
        "michigan",
        "i2s-plus-plus",
        "paste",
    )
    """Methods in ``reports/paper``: the same with all that the paper's tables and figures compare."""
    ablation: tuple[str, ...] = ("loho", "loho-no-go", "loho-unprojected", "loho-one-stage")
    """Methods in ``reports/ablation.csv``."""
    reconstruction: tuple[str, ...] = ("loho",)
    """Methods in Table 3 of the report."""
    paper_reconstruction: tuple[str, ...] = ("i2s", "i2s-plus-plus", "loho")
    """Methods in Table 3 of ``reports/paper``."""
    editing: tuple[str, ...] = ("loho",)
    """Methods that edit single attributes, in ``reports/paper``."""
    bootstrap: int = Field(2000, ge=100)
    """Resamples behind every confidence interval."""
    confidence: float = Field(0.95, gt=0.5, lt=1)
    """Level of the confidence intervals."""


class Settings(StrictModel):
    """Everything that ``config/default.yaml`` may say."""

    seed: int = Field(0, ge=0)
    """Seed of the whole run; every other seed is derived from it."""
    networks: NetworkSettings = NetworkSettings()
    weights: WeightSettings = WeightSettings()
    portraits: PortraitSettings = PortraitSettings()
    annotation: AnnotationSettings = AnnotationSettings()
    tuples: TupleSettings = TupleSettings()
    transfer: TransferSettings = TransferSettings()
    loho: LohoSettings = LohoSettings()
    """Settings that LOHO and its ablations share."""
    michigan: MichiganSettings = MichiganSettings()
    methods: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Settings of single methods by name, over those of their family."""
    external: dict[MethodName, ExternalSettings] = Field(default_factory=dict)
    """Methods that other programs compute, by name: in all reports, without being named there."""
    reports: ReportSettings = ReportSettings()

    @model_validator(mode="after")
    def _need_a_divisor(self) -> Self:
        if self.tuples.mask_size and self.annotation.mask_size % self.tuples.mask_size:
            raise ValueError("'tuples.mask_size' must divide 'annotation.mask_size'")
        return self
