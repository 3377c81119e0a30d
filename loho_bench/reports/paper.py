"""The numbers that the paper reports, each with the table, figure or section that it comes from.

Saha et al., "LOHO: Latent Optimization of Hairstyles via Orthogonalization", CVPR 2021. All of them belong to
FFHQ photographs at 1024 px and to networks trained on photographs.
"""

from __future__ import annotations

from dataclasses import dataclass

CITATION = (
    "Rohit Saha, Brendan Duke, Florian Shkurti, Graham W. Taylor, Parham Aarabi. "
    "LOHO: Latent Optimization of Hairstyles via Orthogonalization. CVPR 2021. arXiv:2103.03891"
)
IMAGES_OF_TABLES = 5000
OTHER_WORLD = (
    f"The paper's numbers belong to {IMAGES_OF_TABLES} FFHQ photographs and to networks trained on "
    "photographs. They stand beside ours to show what the table measures, not to be beaten or missed: a "
    "difference (ours minus the paper's) is one of worlds first."
)


@dataclass(frozen=True)
class PaperValue:
    """One published number.

    Attributes
    ----------
    source : str
        Where it stands in the paper.
    method : str
        The paper's name of the method.
    metric : str
        Our name of the metric.
    value, spread : float or None
        Mean, and what the paper writes behind ±.
    low, high : float or None
        A range, where the paper gives one instead of a mean.
    ours : tuple of str
        Names of our methods that the number belongs beside: two where the paper's words have two readings.
    """

    source: str
    method: str
    metric: str
    value: float | None = None
    spread: float | None = None
    low: float | None = None
    high: float | None = None
    ours: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The number as the paper prints it."""
        if self.value is None:
            return f"[{self.low}, {self.high}]"
        return f"{self.value} ± {self.spread}" if self.spread is not None else f"{self.value}"

    def difference(self, ours: float) -> float:
        """Return ``ours`` minus this number, or minus the nearest end of this range (0 inside it)."""
        if self.value is not None:
            return ours - self.value
        return ours - min(max(ours, self.low), self.high)


PAPER: tuple[PaperValue, ...] = (
    PaperValue("Table 2", "MichiGAN", "fid", 10.697, ours=("michigan",)),
    PaperValue("Table 2", "LOHO-HF", "fid_hair_face", 4.847, ours=("loho",)),
    PaperValue("Table 2", "LOHO", "fid", 8.419, ours=("loho",)),
    PaperValue("Table 3", "I2S++", "psnr", 22.48, ours=("i2s-plus-plus",)),
    PaperValue("Table 3", "LOHO", "psnr", 32.2, spread=2.8, ours=("loho",)),
    PaperValue("Table 3", "I2S++", "ssim", 0.91, ours=("i2s-plus-plus",)),
    PaperValue("Table 3", "LOHO", "ssim", 0.93, spread=0.02, ours=("loho",)),
    PaperValue("Table 3", "I2S", "latent_distance", low=30.6, high=40.5, ours=("i2s",)),
    PaperValue("Table 3", "LOHO", "latent_distance", 37.9, spread=3.0, ours=("loho",)),
    PaperValue("Section 4.3", "no-GO", "hair_iou", 0.857, ours=("loho-no-go", "loho-unprojected")),
    PaperValue("Section 4.3", "GO", "hair_iou", 0.932, ours=("loho",)),
)


def paper_values(source: str) -> tuple[PaperValue, ...]:
    """Return all numbers of one table or section, in the paper's order."""
    return tuple(value for value in PAPER if value.source == source)


def paper_value(source: str, metric: str, ours: str) -> PaperValue | None:
    """Return the number that belongs beside our method ``ours``, or None."""
    for value in paper_values(source):
        if value.metric == metric and ours in value.ours:
            return value
    return None
