"""A made-up run, scored and reported once; tests that change it work on a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fake_run import FAKES, ColourParser, MeanExtractor, SquareLpips, build_fake_run, fake_settings

from loho_bench.metrics.judging import Judges
from loho_bench.metrics.scoring import score_method
from loho_bench.reports.content import gather
from loho_bench.reports.outputs import Selection
from loho_bench.reports.page import write_page
from loho_bench.reports.run import open_run
from loho_bench.reports.tables.fid_rows import read_fid
from loho_bench.reports.write import write_reports
from loho_bench.settings.project import Settings


@pytest.fixture(scope="session")
def settings():
    return fake_settings()


@pytest.fixture(scope="session")
def root(tmp_path_factory, settings) -> Path:
    folder = tmp_path_factory.mktemp("run")
    build_fake_run(folder, failed=("medium-0002",))
    for fake in FAKES:
        score_method(fake.name, settings, root=folder, judges=Judges(ColourParser(), SquareLpips()))
    return folder


@pytest.fixture(scope="session")
def reports(root, settings) -> Path:
    write_reports(settings, root / "reports", root=root, extractor=MeanExtractor(), parser=ColourParser())
    return root / "reports"


@pytest.fixture(scope="session")
def paper(root, settings) -> Path:
    """The paper's report of the same run."""
    folder = root / "reports" / "paper"
    write_reports(settings, folder, paper=True, root=root, extractor=MeanExtractor(), parser=ColourParser())
    return folder


@pytest.fixture
def copied(root, tmp_path) -> Path:
    return Path(shutil.copytree(root, tmp_path / "run", ignore=shutil.ignore_patterns("reports")))


@pytest.fixture(scope="session")
def page_of(reports):
    """Write the page of a run that differs from the made-up one in texts or settings, with its FID."""

    def write(root: Path, settings: Settings, out: Path) -> Path:
        run, selection = open_run(settings, root, ColourParser()), Selection.of(settings)
        write_page(gather(run, selection, read_fid(reports / "fid.csv")), out)
        return out

    return write
