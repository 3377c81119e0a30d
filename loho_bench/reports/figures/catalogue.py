"""Every figure of the reports, declared once: its file, what it shows of which methods, by which rule."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from loho_bench.reports.figures.style import Theme
    from loho_bench.reports.outputs import Selection
    from loho_bench.reports.run import Run


class NothingToShow(Exception):
    """The run has no data for a figure; the message says what is missing."""


@dataclass(frozen=True)
class FigureSpec:
    """Declaration of one figure.

    Attributes
    ----------
    name : str
        Of its file, without suffix.
    title, caption : str
        In a few words, and all that a reader needs: what is shown, and the rule by which tuples were chosen.
    module : str
        Module of this package whose ``draw(run, spec, selection, theme)`` draws it.
    needs : tuple of str
        Methods whose results it shows, in this order; it is drawn where all of them are reported.
    count : int
        How many tuples it shows: of each category, where it shows all of them.
    task : "transfers", "editing" or "ablation"
        The part of the report it is about: editing figures need edits, those of the ablation ablated methods.
    paper : bool
        Whether it belongs to the paper's report alone.
    """

    name: str
    title: str
    caption: str
    module: str
    needs: tuple[str, ...] = ()
    count: int = 1
    task: Literal["transfers", "editing", "ablation"] = "transfers"
    paper: bool = True

    def belongs_to(self, selection: Selection) -> bool:
        """Whether a report about these methods has this figure."""
        methods = selection.editing if self.task == "editing" else selection.methods
        ablated = selection.ablation or self.task != "ablation"
        edited = selection.editing or self.task != "editing"
        return bool(ablated and edited and set(self.needs) <= set(methods) and selection.paper >= self.paper)

    def path(self, folder: str | Path, paper: bool) -> Path:
        """Return its file in the folder of the default report, or of the paper's, where they lie flat."""
        return Path(folder) / ("" if paper else "figures") / f"{self.name}.png"

    def draw(self, run: Run, selection: Selection, theme: Theme | None = None) -> Figure:
        """Draw it, on white where no theme is given.

        Raises
        ------
        NothingToShow
            The run has no data for it.
        """
        from loho_bench.reports.figures.style import LIGHT

        module = import_module(f"loho_bench.reports.figures.{self.module}")
        return module.draw(run, self, selection, theme or LIGHT)


FIGURES: tuple[FigureSpec, ...] = (
    FigureSpec(
        name="transfers",
        title="Transfers side by side",
        caption="Inputs, the true answer (synthetic portraits) and the result of every method. Shown are the "
        "first two tuples of each category, in the order in which they were drawn; none was picked by eye.",
        module="transfers",
        count=2,
        paper=False,
    ),
    FigureSpec(
        name="hair_iou",
        title="Hair shape kept, tuple by tuple",
        caption="Every mark is one tuple: the IoU of the structure's hair mask and that of the "
        "generator's image after the last iteration, not blended. Ring and bar: the mean and its "
        "interval. Upright stroke: the paper's number.",
        module="hair_iou",
        task="ablation",
        paper=False,
    ),
    FigureSpec(
        name="quality_against_seconds",
        title="What quality costs",
        caption="Left: the distance (LPIPS) of the final portrait to the true answer, which only synthetic "
        "portraits have. Right: the IoU of its parsed hair and the structure's hair mask. Both against the "
        "seconds of a batch divided by its tuples; means over all transfers with their bootstrap intervals. "
        "Below stand the number of tuples, the machine, the precision, and the methods that are left out "
        "since their seconds are not recorded. Hollow and grey: the floor and the ceiling.",
        module="quality_against_seconds",
        paper=False,
    ),
    FigureSpec(
        name="figure03",
        title="Figure 3. Two stages against one",
        caption="References (structure above appearance), identity, the result when all losses are optimised "
        "jointly, that of two stages with gradient orthogonalization, and, for synthetic portraits, the true "
        "answer. Shown is, of each category, the "
        "first tuple drawn that both methods finished.",
        module="side_by_side",
        needs=("loho-one-stage", "loho"),
    ),
    FigureSpec(
        name="figure04",
        title="Figure 4. Gradient orthogonalization keeps hair shape",
        caption="Identity, appearance and structure with its hair mask; then the result and its parsed "
        "hair without and with gradient orthogonalization, and the IoU of this mask and the "
        "structure's. Shown is, of each category, the tuple whose gain in IoU is the median of its "
        "category.",
        module="orthogonalization",
        needs=("loho-no-go", "loho"),
    ),
    FigureSpec(
        name="figure05",
        title="Figure 5. Gradient orthogonalization over the iterations",
        caption="Left: the structure loss. Middle: the IoU of the structure's hair mask and the "
        "generator's. Right: the scalar product, in W+, of the structure gradient with that of "
        "appearance and style. Means over tuples; bands are bootstrap intervals of the mean.",
        module="curves",
        task="ablation",
        paper=False,
    ),
    FigureSpec(
        name="figure06",
        title="Figure 6. MichiGAN and LOHO",
        caption="References (structure above appearance), identity, MichiGAN, LOHO and, for synthetic "
        "portraits, the true answer. Shown are, of each category, the first two tuples drawn that both "
        "methods finished.",
        module="side_by_side",
        needs=("michigan", "loho"),
        count=2,
    ),
    FigureSpec(
        name="figure07",
        title="Figure 7. One attribute edited",
        caption="Left: the appearance and style of another person's hair. Right: its shape and "
        "structure. Each time identity, reference, LOHO's result and, for synthetic portraits, the true "
        "answer. Shown are the first tuples of either kind, in the order in which they were drawn.",
        module="editing_one",
        needs=("loho",),
        count=3,
        task="editing",
    ),
    FigureSpec(
        name="figure08",
        title="Figure 8. Several attributes edited together",
        caption="References (structure above appearance), identity, LOHO's result and, for synthetic "
        "portraits, the true answer. Shown are the first tuples in which both attributes are edited, in "
        "the order in which they were drawn.",
        module="editing_both",
        needs=("loho",),
        count=3,
        task="editing",
    ),
    FigureSpec(
        name="figure09",
        title="Figure 9. Misalignment",
        caption="References (structure above appearance), identity, LOHO's result and, for synthetic "
        "portraits, the true answer. Shown are the tuples of the hardest category that LOHO finished "
        "whose hair IoU is lowest.",
        module="misalignment",
        needs=("loho",),
        count=3,
    ),
    FigureSpec(
        name="figure10",
        title="Figure 10. Hair trail",
        caption="References (structure above appearance), identity, LOHO's result and, for synthetic "
        "portraits, the true answer. Outlined is what is left of the identity's hair: hair in the "
        "result where the identity had hair and the answer (the structure, for photographs) has none. "
        "Shown are the tuples with the largest hair trail.",
        module="hair_trail",
        needs=("loho",),
        count=3,
    ),
)
