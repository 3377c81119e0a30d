"""The page: one file, whole, honest about what failed and compares, and the same bytes for the same run."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest
from fake_run import fake_settings

from loho_bench.methods.catalogue import default_registry
from loho_bench.methods.configuration import configure_method, load_checked_settings
from loho_bench.reports.page.facts import settings_to_rerun
from loho_bench.reports.run import open_run
from loho_bench.settings.loho import LohoSettings
from loho_bench.settings.project import NetworkSettings

MARKUP = "<b>&\"'"
VOID = {"meta", "img", "source", "br", "hr", "link", "input"}


class Outline(HTMLParser):
    """Collects text, addresses and anchors; refuses tags that do not close in order."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.addresses, self.ids = [], [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.addresses += [attrs[name] for name in ("src", "href", "srcset", "action") if name in attrs]
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


def words(path) -> str:
    return " ".join(" ".join(read(path).text).split())


def test_the_page_needs_no_other_file(reports):
    outline = read(reports / "index.html")
    assert len(outline.addresses) > 60
    assert len(set(outline.ids)) == len(outline.ids)
    for address in outline.addresses:
        assert address.startswith(("data:", "#"))
        assert not address.startswith("#") or address[1:] in outline.ids
    source = (reports / "index.html").read_text()
    # The only address in the source names SVG's language, and is never fetched.
    assert set(re.findall(r"https?://[^\s\"')]+", source)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"url\(|@import|<script src|fetch\(|XMLHttpRequest", source)


def test_the_page_holds_every_table(reports):
    text = words(reports / "index.html")
    for path in reports.glob("*.md"):
        if path.stem == "figures":
            continue
        lines = path.read_text().splitlines()
        assert lines[0].strip("*") in text
        for found in re.findall(r"\d+\.\d+", "".join(lines[2:])):
            assert found in text
    assert "No number here can be compared with one from FFHQ" in text


def test_the_paper_s_page_holds_its_figures_with_captions(paper):
    outline, text = read(paper / "index.html"), words(paper / "index.html")
    drawn = {path.stem for path in paper.glob("figure*.png")}
    assert len(drawn) >= 4
    assert drawn <= set(outline.ids)
    captions = [
        line for line in (paper / "figures.md").read_text().splitlines() if line and line[0] not in "*!"
    ]
    assert sum(" ".join(caption.split()) in text for caption in captions) >= len(drawn)
    assert (paper / "index.html").stat().st_size < 12e6


def test_the_page_lists_what_was_set_aside_and_what_failed(reports):
    text = words(reports / "index.html")
    assert "p11 annotation no hair was found" in text
    assert "medium-0002 LOHO without GO the loss became NaN" in text
    assert "35 of 36" in text


def test_the_same_run_gives_the_same_bytes(page_of, root, settings, tmp_path):
    first = page_of(root, settings, tmp_path / "first.html").read_bytes()
    assert first == page_of(root, settings, tmp_path / "second.html").read_bytes()


@pytest.fixture(scope="module")
def photographs(root, tmp_path_factory):
    """The run as if its portraits were photographs, dated, with a reason full of markup."""
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
    return folder


@pytest.fixture(scope="module")
def photo_page(page_of, photographs):
    return page_of(photographs, fake_settings(methods=("loho", "paste")), photographs / "index.html")


def test_photographs_have_a_caution_of_their_own_and_no_true_answer(photo_page):
    text = words(photo_page)
    assert "have only seen drawings" in text
    assert "is no better: the networks also found masks and landmarks" in text
    assert "is real" not in text
    assert 'class="answer"' not in photo_page.read_text()


def test_a_page_of_photographs_says_what_is_missing_and_when_it_was(photo_page):
    text, pieces = words(photo_page), read(photo_page).text
    assert "No pair of portraits is eligible for Easy or Difficult" in text
    assert re.search(r"no hair found on p\d", text)
    assert MARKUP in pieces
    assert pieces[pieces.index("Date") + 1] == "2026-11-22" or "Date 2026-11-22" in text


def test_published_networks_on_photographs_have_neither_caution(page_of, photographs, tmp_path):
    settings = fake_settings(methods=("loho", "paste"))
    settings = settings.model_copy(update={"networks": NetworkSettings(generator="stylegan2-ffhq")})
    text = words(page_of(photographs, settings, tmp_path / "index.html"))
    assert "only seen drawings" not in text
    assert "small world" not in text
    assert "generator stylegan2-ffhq, parser embedded" in text


def test_a_run_of_one_method_without_reconstructions(page_of, root, tmp_path):
    settings = fake_settings(methods=("loho-unprojected",), ablation=(), reconstruction=())
    text = words(page_of(root, settings, tmp_path / "index.html"))
    assert "the only method here" in text
    assert "1 method (" in text


def test_the_settings_on_the_page_can_be_read_again(root):
    loho = {"weights": {"style": 3.0}, "steps_stage_one": 5}
    settings = fake_settings(methods=("loho-no-go",)).model_copy(update={"loho": LohoSettings(**loho)})
    again = load_checked_settings(json.dumps(settings_to_rerun(open_run(settings, root))))
    for spec in default_registry():
        assert configure_method(spec, again) == configure_method(spec, settings)
    assert again.model_dump() == settings.model_dump()
