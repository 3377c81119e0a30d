"""A made-up run, scored and reported once; tests that change it work on a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fake_run import METHODS, ColourParser, MeanExtractor, SquareLpips, build_fake_run, fake_settings

from loho_bench.metrics.scoring import Judges, score_method
from loho_bench.reports.write import write_reports


@pytest.fixture(scope="session")
def settings():
    return fake_settings()


@pytest.fixture(scope="session")
def root(tmp_path_factory, settings) -> Path:
    folder = tmp_path_factory.mktemp("run")
    build_fake_run(folder, failed=("medium-0002",))
    for method in METHODS:
        score_method(method, settings, root=folder, judges=Judges(ColourParser(), SquareLpips()))
    return folder


@pytest.fixture(scope="session")
def reports(root, settings) -> Path:
    write_reports(settings, root / "reports", root=root, extractor=MeanExtractor(), parser=ColourParser())
    return root / "reports"


@pytest.fixture
def copied(root, tmp_path) -> Path:
    return Path(shutil.copytree(root, tmp_path / "run", ignore=shutil.ignore_patterns("reports")))
