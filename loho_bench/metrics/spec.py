"""What every metric is called, how it reads and which way is better: one list that everything iterates over.

A spec describes the number, not the picture it is compared with. Score rows therefore carry a column of their
own for that (the identity in a reconstruction, the true answer in a synthetic transfer).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loho_bench.errors import UserError, suggest


@dataclass(frozen=True)
class MetricSpec:
    """Declaration of one metric.

    Attributes
    ----------
    name : str
        Value of the column ``metric`` in score tables.
    label : str
        Heading in tables and on axes.
    unit : str
        Physical unit, empty for a pure number.
    higher_is_better : bool or None
        None where neither direction is better: the number places a result in a range.
    aggregate : "mean" or "set"
        "mean": one value a tuple, reported as the mean over tuples; "set": one value for a set of images.
    protocol : str
        How the number is computed, in one sentence that can stand under a table.
    needs : tuple of str
        What it cannot be computed without: jobs of networks ("extractor", "features", "parser"), "latents".
    version : str
        Numbers of different versions do not compare: raise it when the metric computes otherwise.
    citation : str
        Whose metric it is.
    """

    name: str
    label: str
    unit: str
    higher_is_better: bool | None
    aggregate: Literal["mean", "set"]
    protocol: str
    needs: tuple[str, ...] = ()
    version: str = "1"
    citation: str = ""

    @property
    def arrow(self) -> str:
        """``"↑"``, ``"↓"`` or, where neither direction is better, an empty string."""
        return {True: "↑", False: "↓", None: ""}[self.higher_is_better]


METRICS: tuple[MetricSpec, ...] = (
    MetricSpec(
        "fid",
        "FID",
        "",
        False,
        "set",
        "Fréchet distance between Gaussians fitted to features of the full frames; clean-fid's resizing.",
        needs=("extractor",),
        citation="Heusel et al., NeurIPS 2017; resizing of Parmar et al., CVPR 2022",
    ),
    MetricSpec(
        "fid_hair_face",
        "FID, hair and face",
        "",
        False,
        "set",
        "As FID, with everything but hair and face replaced by mid grey in both sets (LOHO-HF).",
        needs=("extractor", "parser"),
        citation="Heusel et al., NeurIPS 2017; the region of Saha et al., CVPR 2021",
    ),
    MetricSpec(
        "kid",
        "KID",
        "",
        False,
        "set",
        "Squared maximum mean discrepancy with a cubic kernel between the same features; not biased by n.",
        needs=("extractor",),
        citation="Bińkowski et al., ICLR 2018",
    ),
    MetricSpec(
        "psnr",
        "PSNR",
        "dB",
        True,
        "mean",
        "Peak signal-to-noise ratio of 8-bit RGB frames, data range 255, over all pixels and channels.",
    ),
    MetricSpec(
        "ssim",
        "SSIM",
        "",
        True,
        "mean",
        "Structural similarity of 8-bit RGB frames, 7×7 uniform window, border cropped, mean over channels.",
        citation="Wang et al., IEEE TIP 2004",
    ),
    MetricSpec(
        "lpips",
        "LPIPS",
        "",
        False,
        "mean",
        "Learned perceptual distance over the full frame, summed over five VGG blocks.",
        needs=("features",),
        citation="Zhang et al., CVPR 2018",
    ),
    MetricSpec(
        "latent_distance",
        "‖w* − ŵ‖",
        "",
        None,
        "mean",
        "Euclidean norm of the whole W+ code minus the mean latent in every layer.",
        needs=("latents",),
        citation="Saha et al., CVPR 2021, Table 3",
    ),
    MetricSpec(
        "hair_iou",
        "Hair IoU",
        "",
        True,
        "mean",
        "Intersection over union of the structure image's hair mask and the result's.",
        needs=("parser",),
        citation="Saha et al., CVPR 2021, section 4.3",
    ),
    MetricSpec(
        "hair_colour",
        "Hair colour difference",
        "",
        False,
        "mean",
        "Mean absolute RGB difference (0 to 1) between the mean hair colours of the two images.",
        needs=("parser",),
    ),
    MetricSpec(
        "hair_trail",
        "Hair trail",
        "",
        False,
        "mean",
        "Share of the identity's hair that is still hair where none should be now.",
        needs=("parser",),
        citation="The failure of Figure 10 of Saha et al., CVPR 2021, as a number",
    ),
)


def by_name(metrics: Sequence[MetricSpec] = METRICS) -> dict[str, MetricSpec]:
    """Return the metrics by name.

    Raises
    ------
    ValueError
        Two metrics share a name.
    """
    table: dict[str, MetricSpec] = {}
    for metric in metrics:
        if metric.name in table:
            raise ValueError(f"two metrics are called '{metric.name}'")
        table[metric.name] = metric
    return table


def get_metric(name: str) -> MetricSpec:
    """Return the metric called ``name``.

    Raises
    ------
    UserError
        No metric has this name; the nearest one is suggested.
    """
    table = by_name()
    if name not in table:
        raise UserError(
            f"There is no metric '{name}'.{suggest(name, table)}",
            remedy="choose one of: " + ", ".join(table),
        )
    return table[name]
