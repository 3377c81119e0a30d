"""The page in a real browser: fetches nothing, obeys mouse and keys, fits a phone, runs no foreign text."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise

import pandas as pd
import pytest
from chromium import PROGRAM, Chromium

from loho_bench.storage import read_table, write_table

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed")

ATTACK = "window.attacked=1"
PORTRAIT = f"<img src=x onerror={ATTACK}>"
TUPLE = f"easy\"' onclick={ATTACK} x='</script><script>{ATTACK}</script>"
VISIBLE_ROWS = "[...document.querySelectorAll('#board tbody:not([hidden]) tr:not(.group)')]"
TITLE = "document.querySelector('#zoom-title').textContent"


@pytest.fixture(scope="module")
def browser():
    with Chromium() as chromium:
        yield chromium


@pytest.fixture
def page(browser, reports):
    browser.open(reports / "index.html")
    yield browser
    assert browser.complaints == []


def texts(browser, selector):
    return browser.run(
        f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.textContent.trim())"
    )


def ranking(browser):
    return browser.run(f"{VISIBLE_ROWS}.map(row => row.querySelector('th').dataset.value)")


def column(browser, number):
    return browser.run(f"{VISIBLE_ROWS}.map(row => row.cells[{number}].dataset.value)")


def choose(browser, selector, value):
    """Set a field as if the reader had."""
    browser.run(
        f"var field = document.querySelector({json.dumps(selector)}); field.value = {json.dumps(value)};"
        "for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind)); 0"
    )


def test_nothing_is_fetched_but_the_page_itself(page, reports):
    assert page.requests == [(reports / "index.html").absolute().as_uri()]
    assert page.run("[...document.images].every(i => !i.src || i.loading === 'lazy' || i.naturalWidth)")


def test_a_heading_sorts_and_sorts_back(page):
    page.run("document.querySelector('#board thead th:nth-child(2) button').focus()")
    page.key("Enter")
    assert ranking(page) == sorted(ranking(page))
    assert page.run("document.querySelector('#board thead th:nth-child(2)').ariaSort") == "ascending"
    page.key("Enter")
    assert ranking(page) == sorted(ranking(page), reverse=True)
    assert len(texts(page, "#board th[aria-sort]")) == 1


def test_a_metric_sorts_by_value_the_better_end_first_and_what_is_missing_last(page):
    for number, heading in enumerate(texts(page, "#board thead th")[2:], start=3):
        place = f"#board thead th:nth-child({number})"
        if not page.run(f"document.querySelector('{place}').hasAttribute('aria-sort')"):
            page.click(f"{place} button")
        values = column(page, number - 1)
        known = [float(value) for value in values if value]
        assert values[: len(known)] == [value for value in values if value]
        assert known == sorted(known, reverse="↓" not in heading), heading


def test_a_category_shows_its_own_rows(page):
    assert texts(page, "#board tbody:not([hidden]) .group") == ["Overall"]
    overall = column(page, 2)
    page.click('input[name="board-category"][value="medium"]')
    assert texts(page, "#board tbody:not([hidden]) .group") == ["Medium"]
    assert column(page, 2) != overall


def test_the_gallery_is_filtered_by_category_and_by_part_of_an_id(page):
    assert len(texts(page, ".card")) == 9
    page.click('input[name="gallery-category"][value="difficult"]')
    assert [text.split()[0] for text in texts(page, ".card:not([hidden]) h3")] == [
        "difficult-0001", "difficult-0002", "difficult-0003",
    ]  # fmt: skip
    choose(page, "#gallery-search", "-0002")
    assert [text.split()[0] for text in texts(page, ".card:not([hidden]) h3")] == ["difficult-0002"]
    assert texts(page, "#gallery-status") == ["1 of 9 tuples"]


def test_a_score_stands_under_each_picture_when_asked_for(page):
    choose(page, "#gallery-score", "0")
    shown = texts(page, "#tuple-1 .method .score")
    assert shown == texts(page, "#tuple-1 tr[data-name] td:nth-of-type(1)")[-len(shown) :]
    choose(page, "#gallery-score", "")
    assert texts(page, ".score") == []


def test_an_enlarged_picture_obeys_the_keys_and_gives_the_focus_back(page):
    page.run("document.querySelector('#tuple-2 .enlarge').focus()")
    page.key("Enter")
    assert page.run("document.querySelector('#zoom').open")
    assert page.run(TITLE) == "easy-0002: identity"
    page.key("ArrowRight")
    assert page.run(TITLE) == "easy-0002: structure"
    page.key("ArrowDown")
    assert page.run(TITLE) == "easy-0003: structure"
    page.key("ArrowUp")
    page.key("ArrowLeft")
    page.key("ArrowLeft")
    last = texts(page, "#tuple-2 figcaption")[-1]
    assert page.run(TITLE) == f"easy-0002: {last}"
    page.key("t")
    assert page.run(TITLE) == "easy-0002: true answer"
    assert page.run("document.querySelector('#zoom-picture').src") == page.run(
        "document.querySelector('#tuple-2 .answer img').src"
    )
    page.key("Escape")
    assert not page.run("document.querySelector('#zoom').open")
    assert page.run("document.activeElement === document.querySelector('#tuple-2 .enlarge')")


def test_a_failed_transfer_says_why_where_its_picture_would_be(page):
    assert any("the loss became NaN" in text for text in texts(page, ".card .lost"))


def test_curves_follow_the_choice_and_match_the_recorded_trace(page, root):
    label = texts(page, "#curve-method option")[0]
    tuple_id = texts(page, "#curve-tuple option")[1]
    choose(page, "#curve-tuple", page.run("document.querySelector('#curve-tuple').options[1].value"))
    trace = pd.read_parquet(root / f"results/loho/traces/{tuple_id}.parquet").set_index("step")
    expected = trace["structure"].dropna()
    row = next(
        cells
        for cells in page.run(
            "[...document.querySelectorAll('#curve-table tbody tr')]"
            ".map(row => [...row.cells].map(cell => cell.textContent))"
        )
        if cells[:2] == [label, "hair structure"]
    )
    assert [float(text) for text in row[2:6]] == pytest.approx(
        [expected.iloc[0], expected.iloc[-1], expected.min(), expected.max()], rel=6e-3
    )
    assert row[6] == f"{expected.index[0]} to {expected.index[-1]}"
    assert page.run("document.querySelector('#panels svg').getAttribute('aria-label')").count(label)
    before = len(texts(page, "#panels path"))
    choose(page, "#curve-other", "1")
    assert len(texts(page, "#panels path")) > before


@pytest.mark.parametrize(("width", "dark"), [(360, False), (360, True), (1280, False)])
def test_the_page_never_scrolls_sideways(browser, reports, width, dark):
    browser.open(reports / "index.html", width=width, dark=dark)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.complaints == []


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground(browser, reports, dark):
    """Contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3), computed by its definition."""
    browser.open(reports / "index.html", dark=dark)
    poor = browser.run(
        """(() => {
        const parts = (text) => text.match(/[\\d.]+/g).map(Number);
        const light = (text) => parts(text).slice(0, 3).map((c) => c / 255)
          .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
          .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const ground = (e) => {
          for (; e; e = e.parentElement) {
            const found = parts(getComputedStyle(e).backgroundColor);
            if (found.length === 3 || found[3] === 1) return getComputedStyle(e).backgroundColor;
          }
          return "rgb(255, 255, 255)";
        };
        const poor = [];
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let node; (node = walker.nextNode()); ) {
          const e = node.parentElement;
          if (!node.data.trim() || !e.getClientRects().length) continue;
          const [a, b] = [light(getComputedStyle(e)[e.closest("svg") ? "fill" : "color"]), light(ground(e))];
          const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          if (contrast < 4.5) poor.push([node.data.trim().slice(0, 40), e.className, contrast]);
        }
        return poor;
        })()"""
    )
    assert poor == []


def test_headings_go_down_one_level_at_a_time_and_controls_have_names(page):
    levels = page.run("[...document.querySelectorAll('h1, h2, h3')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    nodes = page.command("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
    assert {"banner", "navigation", "main", "contentinfo"} <= set(roles)
    for node in nodes:
        if not node["ignored"] and node["role"]["value"] in (
            "button",
            "combobox",
            "searchbox",
            "image",
            "radio",
        ):
            assert node["name"]["value"].strip(), node


def test_without_scripts_tables_and_gallery_are_there(browser, reports):
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(reports / "index.html")
        browser.command("Emulation.setScriptExecutionDisabled", value=False)
        assert len(texts(browser, "#board .group")) == 4
        assert browser.run("[...document.querySelectorAll('#board tbody')].every(b => b.offsetHeight > 0)")
        assert browser.run("document.querySelector('.controls').offsetHeight") == 0
        assert len(texts(browser, ".card details table")) == 9
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)


@pytest.fixture(scope="module")
def attacked(page_of, root, settings, tmp_path_factory):
    """The same run with portraits, a tuple and a reason whose texts are attacks."""
    folder = tmp_path_factory.mktemp("attacked") / "run"
    shutil.copytree(root, folder, ignore=shutil.ignore_patterns("reports"))
    texts = {name: f"{PORTRAIT}{name}" for name in ("p00", "p01", "p06")}
    texts |= {"easy-0001": TUPLE, "the loss became NaN": PORTRAIT}
    for path in [*folder.rglob("*.csv"), *folder.rglob("*.parquet")]:
        table = read_table(path)
        for column in table.columns[table.dtypes.map(str).isin(["object", "str", "string"])]:
            table[column] = [texts.get(x, x) if isinstance(x, str) else x for x in table[column]]
        write_table(table, path)
    return page_of(folder, settings, folder / "index.html")


def test_texts_of_the_run_stay_texts(browser, attacked):
    browser.open(attacked)
    card = f".card[data-ids*={json.dumps(TUPLE)}]"
    assert texts(browser, f"{card} h3")[0].startswith(TUPLE)
    choose(browser, "#gallery-score", "0")
    browser.click(f"{card} .enlarge")
    assert browser.run(TITLE) == f"{TUPLE}: identity"
    browser.key("ArrowRight")
    browser.key("Escape")
    assert TUPLE in texts(browser, "#curve-tuple option")
    assert PORTRAIT in " ".join(texts(browser, ".card h3"))
    assert any(PORTRAIT in text for text in texts(browser, ".lost"))
    assert browser.run("window.attacked") is None
    assert browser.complaints == []
    assert len(browser.requests) == 1
