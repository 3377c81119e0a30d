"""What a report is about and which files it writes, for whoever plans it: nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loho_bench.reports.figures.catalogue import FIGURES
from loho_bench.settings.project import Settings

SUFFIXES = (".csv", ".md", ".tex")


@dataclass(frozen=True)
class Selection:
    """The methods that one report is about.

    Attributes
    ----------
    methods : tuple of str
        Whose transfers are reported.
    reconstruction, editing : tuple of str
        Whose reconstructions (Table 3) and edits of single attributes are.
    ablation : tuple of str
        Those of ``methods`` that differ from LOHO in one thing each, LOHO included.
    paper : bool
        Whether the paper's figures are drawn.
    """

    methods: tuple[str, ...]
    reconstruction: tuple[str, ...]
    editing: tuple[str, ...]
    ablation: tuple[str, ...]
    paper: bool

    @classmethod
    def of(cls, settings: Settings, paper: bool = False) -> Selection:
        """Return what the settings ask of the default report, or of the paper's.

        Methods from outside are in both without being named there.
        """
        reports, outside = settings.reports, settings.external
        methods = (*(reports.paper if paper else reports.methods), *outside)
        reconstruction = reports.paper_reconstruction if paper else reports.reconstruction
        editing = reports.editing if paper and settings.tuples.edits else ()
        # Only what the settings name: scores of other methods may lie there from an earlier run.
        return cls(
            methods=tuple(dict.fromkeys(methods)),
            reconstruction=(
                *reconstruction,
                *(name for name, entry in outside.items() if entry.reconstructs),
            ),
            editing=(*editing, *(name for name, entry in outside.items() if paper and entry.edits)),
            ablation=tuple(method for method in reports.ablation if method in methods),
            paper=paper,
        )

    @property
    def everyone(self) -> tuple[str, ...]:
        """Every method that something is reported of, once."""
        return tuple(dict.fromkeys((*self.methods, *self.reconstruction, *self.editing)))

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables, in the order of the page."""
        return (
            "table1",
            "table2",
            *(("table3",) if self.reconstruction else ()),
            "scores",
            *(("paired",) if len(self.methods) > 1 else ()),
            *(("editing",) if self.editing else ()),
            # Beside the default report the ablation is a target of its own, with methods that are not in it.
            *(("ablation",) if self.ablation and self.paper else ()),
            "costs",
        )

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of the figures whose methods are all reported."""
        return tuple(figure.name for figure in FIGURES if figure.belongs_to(self))


@dataclass(frozen=True)
class Outputs:
    """The files of one report, all in one folder."""

    fid: Path
    page: Path
    tables: tuple[Path, ...]
    figures: tuple[Path, ...]
    captions: Path

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file."""
        return (self.fid, self.page, *self.tables, *self.figures, self.captions)


def report_outputs(settings: Settings, folder: str | Path, *, paper: bool = False) -> Outputs:
    """Return the files that :func:`~loho_bench.reports.write.write_reports` writes into ``folder``.

    A figure that a finished run has nothing to show in (every tuple of it failed) is left out with a remark.
    """
    folder, chosen = Path(folder), Selection.of(settings, paper)
    return Outputs(
        fid=folder / "fid.csv",
        page=folder / "index.html",
        tables=tuple(folder / f"{name}{suffix}" for name in chosen.tables for suffix in SUFFIXES),
        figures=tuple(figure.path(folder, paper) for figure in FIGURES if figure.belongs_to(chosen)),
        captions=folder / "figures.md",
    )
