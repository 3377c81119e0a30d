"""The page: one file, whole, honest about what failed, and the same bytes for the same run."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest
from fake_run import METHODS, ColourParser, MeanExtractor, fake_settings

from loho_bench.errors import UserError
from loho_bench.methods.catalogue import default_registry
from loho_bench.methods.configuration import configure_method, load_checked_settings
from loho_bench.reports.fid_table import write_fid
from loho_bench.reports.page import settings_to_rerun
from loho_bench.reports.run import open_run
from loho_bench.reports.write import write_reports
from loho_bench.settings.loho import LohoSettings
from loho_bench.settings.project import NetworkSettings

MARKUP = "<b>&\"'"
VOID = {"meta", "img", "source", "br", "hr", "link", "input"}


class Outline(HTMLParser):
    """Collects text, addresses and anchors; refuses tags that do not close in order."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.addresses, self.ids = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids |= {attrs["id"]} if "id" in attrs else set()
        self.addresses += [attrs[name] for name in ("src", "href", "srcset") if name in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(path) -> Outline:
    outline = Outline()
    outline.feed(path.read_text())
    assert not outline.open
    return outline


def write(folder, settings):
    networks = {"extractor": MeanExtractor(), "parser": ColourParser()}
    write_reports(settings, folder / "reports", root=folder, **networks)
    return folder / "reports"


def test_the_page_needs_no_other_file(reports):
    outline = read(reports / "index.html")
    assert len(outline.addresses) > 40
    for address in outline.addresses:
        assert address.startswith(("data:image/png;base64,", "#"))
        assert not address.startswith("#") or address[1:] in outline.ids
    source = (reports / "index.html").read_text()
    assert "<script" not in source
    assert not re.search(r"url\(|@import|https?://", source)


def test_the_page_holds_every_table(reports):
    text = " ".join(" ".join(read(reports / "index.html").text).split())
    for name in ("table1", "table2", "table3", "scores", "costs"):
        lines = (reports / f"{name}.md").read_text().splitlines()
        assert lines[0].strip("*") in text
        for found in re.findall(r"\d+\.\d+", "".join(lines[2:])):
            assert found in text
    assert "No number here can be compared with one from FFHQ" in text


def test_the_page_lists_what_was_set_aside_and_what_failed(reports):
    text = " ".join(" ".join(read(reports / "index.html").text).split())
    assert "p11 annotation no hair was found" in text
    assert "medium-0002 LOHO without GO the loss became NaN" in text


def test_reports_are_the_same_bytes_twice(root, reports, settings, tmp_path):
    def refuse(images):
        raise AssertionError("features were computed again")

    write_reports(settings, tmp_path, root=root, fid_csv=reports / "fid.csv", extractor=refuse)
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert len(files) == 14
    for name in files:
        assert (tmp_path / name).read_bytes() == (reports / name).read_bytes(), name
    write_fid(settings, tmp_path / "fid.csv", root=root, extractor=MeanExtractor(), parser=ColourParser())
    assert (tmp_path / "fid.csv").read_bytes() == (reports / "fid.csv").read_bytes()


@pytest.fixture(scope="module")
def photographs(root, settings, tmp_path_factory):
    """Reports of the run as if its portraits were photographs, dated, with a reason full of markup."""
    folder = tmp_path_factory.mktemp("photographs") / "run"
    shutil.copytree(root, folder, ignore=shutil.ignore_patterns("reports"))
    portraits = folder / "portraits/portraits.parquet"
    pd.read_parquet(portraits).assign(parameters="").to_parquet(portraits)
    for path in folder.glob("results/*/*.parquet"):
        pd.read_parquet(path).assign(finished="2026-11-22").to_parquet(path)
    shard = folder / "annotations/shard-0001.parquet"
    table = pd.read_parquet(shard)
    table.loc[table["status"] != "ok", "reason"] = MARKUP
    bald = table.index[table["status"] == "ok"][0]
    table.loc[bald, "reason"] = f"no hair found on {table.loc[bald, 'portrait_id']}"
    table.to_parquet(shard)
    census = folder / "tuples/census.csv"
    pd.read_csv(census).assign(eligible_pairs=[0, 7, 0]).to_csv(census, index=False)
    return write(folder, settings)


def test_photographs_have_no_true_answer_and_a_caution_of_their_own(photographs):
    text = " ".join(" ".join(read(photographs / "index.html").text).split())
    assert "have only seen drawings" in text
    assert "true answer" not in text.lower()
    fid = pd.read_csv(photographs / "fid.csv")
    assert fid["comparable"].str.contains("only seen drawings").all()
    assert "true-answer" not in set(fid["method"])


def test_published_networks_on_photographs_have_neither_caution(photographs, settings, tmp_path):
    shutil.copytree(photographs.parent, tmp_path / "run")
    networks = NetworkSettings(generator="stylegan2-ffhq")
    reports = write(tmp_path / "run", settings.model_copy(update={"networks": networks}))
    text = " ".join(" ".join(read(reports / "index.html").text).split())
    assert "only seen drawings" not in text
    assert "small world" not in text
    assert "from another world" not in text
    assert "generator stylegan2-ffhq, parser embedded" in text


def test_curation_by_the_embedded_networks_is_not_called_real(photographs):
    text = " ".join(" ".join(read(photographs / "index.html").text).split())
    assert "is no better: the networks also found masks and landmarks" in text
    assert "is real" not in text


def test_categories_without_a_pair_are_named(photographs, reports):
    text = " ".join(" ".join(read(photographs / "index.html").text).split())
    assert "No pair of portraits is eligible for Easy or Difficult" in text
    assert "No pair of portraits" not in " ".join(read(reports / "index.html").text)


def test_a_portrait_without_hair_is_listed(photographs):
    assert any(text.startswith("no hair found on p") for text in read(photographs / "index.html").text)


def test_reasons_cannot_break_the_page(photographs):
    assert MARKUP in read(photographs / "index.html").text


def test_the_date_is_that_of_the_results_if_they_have_one(photographs, reports):
    text = read(photographs / "index.html").text
    assert text[text.index("Date") + 1] == "2026-11-22"
    assert "Date" not in read(reports / "index.html").text


def test_the_settings_on_the_page_can_be_read_again(root):
    loho = {"weights": {"style": 3.0}, "steps_stage_one": 5}
    settings = fake_settings(methods=("loho-no-go",)).model_copy(update={"loho": LohoSettings(**loho)})
    again = load_checked_settings(json.dumps(settings_to_rerun(open_run(settings, root))))
    for spec in default_registry():
        assert configure_method(spec, again) == configure_method(spec, settings)
    assert again.model_dump() == settings.model_dump()


def test_scores_of_methods_that_the_settings_do_not_name_change_nothing(copied, reports, settings):
    shutil.copy(copied / "scores/loho.parquet", copied / "scores/loho-one-stage.parquet")
    asked = settings.reports.model_copy(update={"ablation": (*METHODS, "loho-one-stage")})
    folder = write(copied, settings.model_copy(update={"reports": asked}))
    text = " ".join(" ".join(read(folder / "index.html").text).split())
    assert "Not on this page: LOHO in one stage." in text
    for name in ("ablation_curves", "hair_iou"):
        figure = f"figures/{name}.png"
        assert (folder / figure).read_bytes() == (reports / figure).read_bytes()


def test_a_run_of_one_method_without_ablation_or_reconstructions(copied):
    settings = fake_settings(methods=("loho-unprojected",), ablation=("loho-one-stage",), reconstruction=())
    folder = write(copied, settings)
    text = " ".join(read(folder / "index.html").text)
    assert "No method of the ablation is in this report" in text
    assert not (folder / "table3.csv").exists()


@pytest.mark.parametrize("gone", ["scores/loho.parquet", "tuples/census.csv"])
def test_a_missing_table_is_named(copied, settings, gone):
    (copied / gone).unlink()
    with pytest.raises(UserError, match=gone.replace(".", r"\.")):
        write(copied, settings)
